"""The names that plugins import are there, as `plugin-names.yaml` pins them, and as `docs/plugins.md` lists them."""

import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel
from racetrack_commons.plugin.core import PluginCore

TABLE = yaml.safe_load((Path(__file__).parent / "plugin-names.yaml").read_text())
NAMES = [
    (module, name, pinned) for module, names in TABLE.items() for name, pinned in names.items()
]
DOCS = Path(__file__).parents[2].joinpath("docs/plugins.md").read_text()


@pytest.mark.parametrize("module", TABLE)
def test_each_module_can_be_imported(module):
    importlib.import_module(module)


@pytest.mark.parametrize(("module", "name", "pinned"), NAMES, ids=[f"{m}.{n}" for m, n, _ in NAMES])
def test_each_name_is_as_it_was(module, name, pinned):
    found = getattr(importlib.import_module(module), name)
    if isinstance(pinned, str) and pinned.startswith("("):
        check_signature(found, pinned)
    elif isinstance(pinned, list):
        for member in pinned:
            check_member(found, member)
    else:
        assert found == pinned


def check_member(owner, member):
    name, _, signature = member.partition(" ")
    if signature:
        check_signature(getattr(owner, name), signature)
    else:
        known = {*dir(owner), *getattr(owner, "__annotations__", {})}
        if issubclass(owner, BaseModel):
            known |= set(owner.model_fields)
        assert name in known, f"{owner.__name__} has no {name}"


def check_signature(function, pinned):
    """The parameters that are pinned, in their order; any others come after them and have defaults."""
    # Members of enums print as members, but a text is what was pinned.
    parameters = [
        each.replace(annotation=each.empty, default=getattr(each.default, "value", each.default))
        for each in inspect.signature(function).parameters.values()
    ]
    wanted = inspect.signature(eval(f"lambda {pinned[1:-1]}: 0")).parameters.values()
    assert list(map(str, parameters[: len(wanted)])) == list(map(str, wanted))
    for extra in parameters[len(wanted) :]:
        assert extra.default is not extra.empty or extra.kind in (
            extra.VAR_KEYWORD,
            extra.VAR_POSITIONAL,
        )


def test_the_documentation_lists_the_same_names():
    rows = re.findall(r"^\| `([a-z_0-9.]+)` \| (.*) \|$", DOCS, re.MULTILINE)
    listed = {module: set(re.findall(r"`(\w+)`", names)) for module, names in rows}
    assert listed == {module: set(names) for module, names in TABLE.items()}


def test_the_documentation_explains_each_hook():
    hooks = {name for name, member in vars(PluginCore).items() if inspect.isfunction(member)}
    explained = set(re.findall(r"^### `(\w+)\(", DOCS, re.MULTILINE))
    assert explained == hooks


def test_the_builder_does_not_import_lifecycle():
    """Plugins ask `'lifecycle' in sys.modules` to learn where they are."""
    code = "import sys, image_builder.__main__; print(sorted({'lifecycle', 'image_builder'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['image_builder']"
