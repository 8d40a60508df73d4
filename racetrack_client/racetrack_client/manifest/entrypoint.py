"""Reading the entrypoint of a job, without running it: its class, the endpoints of the class, and its examples."""

import ast
import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from racetrack_client.log.errors import ValidationError
from racetrack_client.manifest.manifest import Manifest

ENDPOINTS = (
    "perform",
    "auxiliary_endpoints",
    "auxiliary_endpoints_v2",
    "static_endpoints",
    "webview_app",
)
"""The methods by which a class offers something to callers."""
EXAMPLES = ("docs_input_example", "docs_input_examples")
SERVED_BY_CLASS = "python3:"
"""The beginning of the job types that serve a class with the endpoints above."""
_PLAIN_BASES = ("object", "ABC", "JobEntrypoint")
"""Base classes that offer nothing by themselves."""


class UnfitEntrypoint(ValidationError):
    """The entrypoint does not have the class that the manifest names, or its class offers nothing."""


@dataclass(frozen=True)
class Entrypoint:
    """A file of Python, as it is written."""

    tree: ast.Module
    shown_path: str

    @classmethod
    def read(cls, path: Path, shown_path: str) -> "Entrypoint":
        """Read a file; raises UnfitEntrypoint when it is not valid Python."""
        try:
            return cls(ast.parse(path.read_bytes(), filename=shown_path), shown_path)
        except (SyntaxError, ValueError) as error:
            raise UnfitEntrypoint(f"{shown_path} is not valid Python: {error}") from error

    def check_class(self, name: str) -> None:
        """Raise UnfitEntrypoint when the module has nothing of this name."""
        names = set(_list_bound_names(self.tree.body))
        if name not in names and "*" not in names:
            classes = ", ".join(sorted(name for name in names if name[:1].isupper()))
            advice = (
                f"which has: {classes}; correct entrypoint_class"
                if classes
                else "which has no class at all: a job is a class with perform()"
            )
            raise UnfitEntrypoint(f"there is no class {name!r} in {self.shown_path}, {advice}")

    def check_choice(self) -> None:
        """Raise UnfitEntrypoint when several classes could be the job, and the manifest names none."""
        callable_ones = self._list_callable_classes()
        if len(callable_ones) > 1 and not any(
            isinstance(each, ast.Delete) for each in self.tree.body
        ):
            names = ", ".join(each.name for each in callable_ones)
            raise UnfitEntrypoint(
                f"{self.shown_path} has several classes with perform(); set entrypoint_class to one of: {names}"
            )

    def check_endpoints(self, class_name: str) -> None:
        """Raise UnfitEntrypoint when the class certainly offers nothing to callers."""
        found = self._find_class(class_name)
        members = self._find_members(found) if found else None
        if found is None or members is None or members & set(ENDPOINTS):
            return
        close = (
            (each, match)
            for each in sorted(members)
            for match in difflib.get_close_matches(each, ENDPOINTS, n=1)
        )
        given, meant = next(close, ("", ""))
        advice = (
            f"did you mean {meant} where it says {given}?" if meant else "define perform() in it"
        )
        raise UnfitEntrypoint(
            f"class {found.name} in {self.shown_path} has no perform() and no other endpoint; {advice}"
        )

    def has_no_example(self, class_name: str) -> bool:
        """Return whether the class certainly documents no example for its perform()."""
        found = self._find_class(class_name)
        members = self._find_members(found) if found else None
        return members is not None and "perform" in members and not members & set(EXAMPLES)

    def _find_class(self, name: str) -> ast.ClassDef | None:
        """Return the definition of the job's class; None when the file alone does not tell it."""
        classes = [each for each in self.tree.body if isinstance(each, ast.ClassDef)]
        if name:
            named = [each for each in classes if each.name == name]
            return named[-1] if named else None
        candidates = self._list_callable_classes() or classes
        return candidates[0] if len(candidates) == 1 else None

    def _list_callable_classes(self) -> list[ast.ClassDef]:
        """List the classes that certainly have perform()."""
        classes = [each for each in self.tree.body if isinstance(each, ast.ClassDef)]
        return [each for each in classes if "perform" in (self._find_members(each) or ())]

    def _find_members(self, definition: ast.ClassDef) -> set[str] | None:
        """Return the names that a class has; None when it may have names that are not written here."""
        members = set(_list_bound_names(definition.body))
        if definition.decorator_list or definition.keywords or "__getattr__" in members:
            return None
        if self._has_late_names():
            return None
        for base in definition.bases:
            inherited = self._find_inherited(base, definition)
            if inherited is None:
                return None
            members |= inherited
        return members

    def _find_inherited(self, base: ast.expr, definition: ast.ClassDef) -> set[str] | None:
        name = base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "")
        if name in _PLAIN_BASES:
            return set()
        own = (
            each for each in self.tree.body if isinstance(each, ast.ClassDef) and each.name == name
        )
        found = next(own, None)
        return None if found is None or found is definition else self._find_members(found)

    def _has_late_names(self) -> bool:
        """Return whether names may be given to objects while the program runs, as in `Job.perform = function`."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                if node.attr in (*ENDPOINTS, *EXAMPLES, "__class__"):
                    return True
            elif isinstance(node, ast.Name) and node.id == "setattr":
                return True
        return False


def examine_entrypoint(path: Path, manifest: Manifest) -> list[str]:
    """Return notes about the entrypoint at `path`; raise UnfitEntrypoint when it is no job, as far as its text tells."""
    extra = manifest.get_jobtype_extra()
    class_name = str(extra.get("entrypoint_class") or "")
    if path.suffix != ".py":
        return []
    entrypoint = Entrypoint.read(path, str(extra.get("entrypoint_path")))
    if class_name:
        entrypoint.check_class(class_name)
    if not manifest.get_jobtype().startswith(SERVED_BY_CLASS):
        return []
    if not class_name:
        entrypoint.check_choice()
    entrypoint.check_endpoints(class_name)
    if not manifest.smoke_test or not entrypoint.has_no_example(class_name):
        return []
    return [
        f"{entrypoint.shown_path} documents no example: with docs_input_example() each deployment is tried "
        "by a call before it serves"
    ]


def _list_bound_names(statements: list[ast.stmt]) -> Iterator[str]:
    """Yield the names that the statements of a block bind, also inside `if` and `try`."""
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
