"""The modules that a job's code imports, as far as its text tells."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

_IMPORT = re.compile(
    rb"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import\b|import[ \t]+([^\n#;]+))", re.MULTILINE
)
_ENVIRONMENTS = ("site-packages", "node_modules")


def list_imported_modules(directory: Path) -> list[str]:
    """List the modules, by the first part of their names, that Python files in the directory import, but not the job's own."""
    own = {path.stem for path in directory.iterdir() if path.suffix == ".py" or path.is_dir()}
    imported = {
        name.split(".")[0]
        for path in directory.rglob("*.py")
        if path.is_file() and not set(_ENVIRONMENTS) & set(path.parts)
        for name in _list_imports(path.read_bytes())
    }
    return sorted(imported - own - {""})


def _list_imports(code: bytes) -> Iterator[str]:
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        yield from _search_imports(code)
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def _search_imports(code: bytes) -> Iterator[str]:
    """Yield what looks like an import in code for another Python than this one."""
    for source, names in _IMPORT.findall(code):
        for name in [source] if source else names.split(b","):
            words = name.split()
            if words:
                yield words[0].decode(errors="replace")
