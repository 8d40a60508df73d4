"""The repository's own Python files, for the tests that hold the rules of CONTRIBUTING.md."""

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class SourceFile:
    """A tracked Python file of the product."""

    path: str
    """Relative to the root of the repository."""
    text: str
    tree: ast.Module

    @property
    def line_count(self) -> int:
        return len(self.text.splitlines())

    @property
    def module(self) -> str | None:
        """The dotted name, or None for a script outside of the packages."""
        return name_module(self.path)

    @property
    def holds_code(self) -> bool:
        """False for a package's `__init__.py` that only has a docstring."""
        return not self.path.endswith("__init__.py") or len(self.tree.body) > 1

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node

    def classes(self) -> Iterator[ast.ClassDef]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ClassDef):
                yield node


def list_tracked_files(*patterns: str) -> list[str]:
    command = ["git", "ls-files", "-z", "--", *patterns]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [path for path in done.stdout.split("\0") if path and (ROOT / path).exists()]


def name_module(path: str) -> str | None:
    """`lifecycle/lifecycle/app.py` → `lifecycle.app`; None outside of a package."""
    component, *inside = Path(path).with_suffix("").parts
    if not inside or not (ROOT / component / inside[0] / "__init__.py").exists():
        return None
    return ".".join(inside).removesuffix(".__init__")


def is_test(path: str) -> bool:
    return path.startswith("tests/") or "/tests/" in path or path == "conftest.py"


@pytest.fixture(scope="session")
def python_files() -> list[str]:
    """Every tracked Python file, relative to the root."""
    return list_tracked_files("*.py")


@pytest.fixture(scope="session")
def modules(python_files: list[str]) -> dict[str, str]:
    """The path of each file inside a package, and its dotted name."""
    named = ((path, name_module(path)) for path in python_files)
    return {path: module for path, module in named if module}


@pytest.fixture(scope="session")
def product(python_files: list[str]) -> list[SourceFile]:
    """The files that make up the product: no tests and no samples."""
    return [
        SourceFile(path, text := (ROOT / path).read_text(), ast.parse(text))
        for path in python_files
        if not is_test(path) and not path.startswith("sample/")
    ]


@pytest.fixture(scope="session")
def frozen_modules() -> dict[str, dict[str, object]]:
    """What plugins import: module → its names, each with what is pinned of it."""
    return yaml.safe_load((ROOT / "tests/contract/plugin-names.yaml").read_text())
