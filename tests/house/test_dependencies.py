"""Each component asks for what it imports: its image holds nothing else."""

import ast
import sys
import tomllib
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECTS = {
    path.parent.name: tomllib.loads(path.read_text())["project"]
    for path in ROOT.glob("*/pyproject.toml")
    if path.parent.name != "job_wrapper"  # Its imports are guarded: users' environments differ.
}
COMPONENTS = {project["name"]: component for component, project in PROJECTS.items()}
UNDECLARED = {"lifecycle": {"pytest"}}  # lifecycle/testing


@pytest.mark.parametrize("component", sorted(PROJECTS))
def test_a_component_asks_for_what_it_imports(component):
    found = collect_distributions(read_requirements(component))
    names = packages_distributions()
    imported = list_imports(ROOT / component / component) - UNDECLARED.get(component, set())

    missing = {
        name
        for name in imported - sys.stdlib_module_names - set(PROJECTS)
        if not found & {canonicalize_name(each) for each in names.get(name, [])}
    }

    assert missing == set()


def read_requirements(component: str) -> list[Requirement]:
    return [Requirement(line) for line in PROJECTS[component]["dependencies"]]


def collect_distributions(wanted: list[Requirement]) -> set[str]:
    """Return the names of all distributions that are installed for these requirements."""
    found: set[str] = set()
    waiting = list(wanted)
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name in found:
            continue
        found.add(name)
        component = COMPONENTS.get(name)
        waiting += read_requirements(component) if component else list_required(requirement)
    return found


def list_required(requirement: Requirement) -> list[Requirement]:
    required = map(Requirement, distribution(requirement.name).requires or [])
    extras = [{"extra": extra} for extra in ("", *requirement.extras)]
    return [each for each in required if not each.marker or any(map(each.marker.evaluate, extras))]


def list_imports(package: Path) -> set[str]:
    """Return the first names of all modules that a package imports."""
    found = set()
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.partition(".")[0])
    return found
