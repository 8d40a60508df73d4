"""Every manifest key and every setting is on its page, with a sentence."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def load_generator():
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs/generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


generator = load_generator()


@pytest.mark.parametrize("path", generator.PAGES, ids=lambda path: path.name)
def test_a_generated_page_is_up_to_date(path):
    text = path.read_text()

    assert generator.PAGES[path](text) == text, "run: make docs"


@pytest.mark.parametrize(
    ("model", "inherited"),
    generator.MODELS,
    ids=lambda model: f"{model.__module__}.{model.__name__}",
)
def test_each_field_has_a_sentence(model, inherited):
    texts = generator.read_field_docstrings(model)
    fields = generator.list_own_fields(model, inherited)

    assert fields
    assert [name for name in fields if not texts.get(name, "").endswith((".", "…"))] == []


@pytest.mark.parametrize(
    "script",
    [
        "docker-compose.yaml",
        "embedded/settings.sh",
        "compose/settings.sh",
        "kustomize/settings.sh",
        "kustomize/forward.sh",
        "kustomize/kind.sh",
    ],
)
def test_each_variable_that_a_shape_reads_is_explained(script):
    """`${NAME:-default}` in the scripts: the variables that people may set."""
    page = (ROOT / "docs/configuration.md").read_text()
    read = set(re.findall(r"\$\{([A-Z][A-Z_]*)(?::?[-?][^}]*)?\}", (ROOT / script).read_text()))

    assert read
    assert sorted(name for name in read if f"`{name}`" not in page and name not in WITHIN) == []


WITHIN = {"BASH_SOURCE", "GIT_VERSION", "KIND_CLUSTER"}
"""Set by the shell, or by the scripts themselves."""
