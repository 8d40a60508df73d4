"""Docstrings are English sentences: with a noun, and without riddles."""

import ast
import re

import pytest

RIDDLES = re.compile(
    r"\b(somebody|nobody|so long|so many|of late|anew|whoever|shall)\b", re.IGNORECASE
)
HEADLESS = re.compile(r"(what|who|where|whether|which|how)\b(?! .*\?)", re.IGNORECASE)
PORTS = ("lifecycle/lifecycle/deployer/", "lifecycle/lifecycle/monitor/")
PLUGIN_BASE = "racetrack_commons/racetrack_commons/plugin/core.py"
FACTS = {
    "what it returns": re.compile(r"\b[Rr]eturn", re.ASCII),
    "what it raises": re.compile(r"\b[Rr]aise", re.ASCII),
    "when it is called": re.compile(r"\b[Cc]alled\b", re.ASCII),
    "the thread": re.compile(r"\bthreads?\b", re.ASCII),
}


def test_no_docstring_holds_a_riddle(product):
    found = [
        f"{place}: {match.group()}"
        for place, text in list_docstrings(product)
        if (match := RIDDLES.search(text))
    ]

    assert found == []


def test_no_docstring_opens_without_a_noun(product):
    assert [place for place, text in list_docstrings(product) if HEADLESS.match(text)] == []


def test_each_method_of_a_port_says_what_returns_raises_when_and_where(product):
    files = [file for file in product if file.path.startswith(PORTS) or file.path == PLUGIN_BASE]
    missing = [
        f"{file.path}:{definition.name}.{method.name}: {fact}"
        for file in files
        for definition in file.classes()
        if is_port(definition)
        for method in definition.body
        if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef)
        and not method.name.startswith("_")
        for fact, pattern in FACTS.items()
        if not pattern.search(ast.get_docstring(method) or "")
    ]

    assert len(files) > len(PORTS)
    assert missing == []


def test_each_frozen_module_says_so(product, frozen_modules):
    """Whoever edits such a module learns from its first lines that plugins import it."""
    texts = {file.module: ast.get_docstring(file.tree) or "" for file in product if file.module}
    ours = {module.partition(".")[0] for module in texts}
    modules = [
        module
        for module, names in frozen_modules.items()
        if names and module.partition(".")[0] in ours
    ]

    assert [module for module in modules if "lugins import" not in texts[module]] == []


def is_port(definition):
    bases = {ast.unparse(base) for base in definition.bases}
    return (
        bool(bases & {"ABC", "Protocol"})
        or definition.name == "PluginCore"
        or "@abstractmethod" in ast.unparse(definition)
    )


def list_docstrings(product):
    """Docstrings of modules, classes and functions, and the texts under fields, with their places."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for file in product:
        for node in ast.walk(file.tree):
            if isinstance(node, kinds):
                for statement in node.body:
                    if text := read_text(statement):
                        yield f"{file.path}:{statement.lineno}", text


def read_text(statement):
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        value = statement.value.value
        return value.strip() if isinstance(value, str) else None
    return None


@pytest.mark.parametrize(
    ("text", "headless"),
    [
        ("What a plugin finds.", True),
        ("Whether the job runs.", True),
        ("Return whether the job runs.", False),
        ("The job's name.", False),
        ("Whichever comes first.", False),
    ],
)
def test_headless_openings_are_known(text, headless):
    assert bool(HEADLESS.match(text)) is headless
