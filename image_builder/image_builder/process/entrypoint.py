"""Checking that the entrypoint of a manifest exists, without running it."""

import ast
from collections.abc import Iterator
from pathlib import Path

from racetrack_client.client.source_paths import resolve_inside
from racetrack_client.log.errors import ValidationError


class EntrypointNotFound(ValidationError):
    """The manifest names a file or a class that the source does not contain."""


def check_entrypoint(directory: Path, entrypoint_path: str, class_name: str) -> None:
    """Raise EntrypointNotFound when the file, or the class in it, is missing; an empty class name is not checked."""
    path = resolve_inside(directory, entrypoint_path, "entrypoint_path")
    if not path.is_file():
        raise EntrypointNotFound(
            f"entrypoint_path {entrypoint_path!r} is not among the job's files{_name_candidates(directory)}; "
            "check the name, and that .gitignore does not leave it out"
        )
    if path.suffix != ".py":
        return
    names = _list_names(path, entrypoint_path)
    if class_name and class_name not in names and "*" not in names:
        classes = ", ".join(sorted(name for name in names if name[:1].isupper())) or "none"
        raise EntrypointNotFound(
            f"there is no class {class_name!r} in {entrypoint_path}, which has: {classes}; correct entrypoint_class"
        )


def _name_candidates(directory: Path) -> str:
    names = sorted(path.name for path in directory.glob("*.py"))[:5]
    return f" ({', '.join(names)})" if names else ""


def _list_names(path: Path, shown_path: str) -> set[str]:
    try:
        tree = ast.parse(path.read_bytes(), filename=shown_path)
    except (SyntaxError, ValueError) as error:
        raise EntrypointNotFound(f"{shown_path} is not valid Python: {error}") from error
    return set(_list_bound_names(tree.body))


def _list_bound_names(statements: list[ast.stmt]) -> Iterator[str]:
    """Yield the names that the statements of a module bind, also inside `if` and `try`."""
    for statement in statements:
        match statement:
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                yield statement.name
            case ast.Import() | ast.ImportFrom():
                yield from (alias.asname or alias.name for alias in statement.names)
            case ast.Assign():
                yield from (
                    target.id for target in statement.targets if isinstance(target, ast.Name)
                )
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case _:
                for block in ("body", "orelse", "finalbody"):
                    yield from _list_bound_names(getattr(statement, block, []))
                for handler in getattr(statement, "handlers", []):
                    yield from _list_bound_names(handler.body)
