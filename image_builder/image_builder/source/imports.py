"""The modules that a job's code imports, as far as its text tells."""

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
    for source, names in _IMPORT.findall(code):
        for name in [source] if source else names.split(b","):
            words = name.split()
            if words:
                yield words[0].decode(errors="replace")
