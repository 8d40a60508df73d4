"""A class name stands once in the repository, and a verb keeps its promise."""

import ast
from collections import defaultdict

import pytest

STAND_ALONE = "job_wrapper/"
"""The wrapper is installed into users' environments without the rest of Racetrack."""
DEFINED_TWICE = {
    "Plugin": "each job type is a plugin, and plugins are found by this name",
}
"""Class name → why it stands in several places. Frozen aliases are assignments, not classes."""

KEEPS_NO_PROMISE = {
    "racetrack_client/racetrack_client/commands/app.py:get_command": "a method of click's groups",
    "job_wrapper/racetrack_job_wrapper/template.py:get_jobtype": "templates of job pages may call it, as on a manifest",
}
"""`module:function` → why its name stays although its type says otherwise."""


def test_a_class_name_stands_in_one_place(product):
    places = defaultdict(list)
    for file in product:
        if not file.path.startswith(STAND_ALONE):
            for definition in file.classes():
                places[definition.name].append(file.path)
    twice = {name: paths for name, paths in places.items() if len(paths) > 1}

    assert {name: paths for name, paths in twice.items() if name not in DEFINED_TWICE} == {}


def test_each_exception_is_needed(product):
    names = [definition.name for file in product for definition in file.classes()]

    assert [name for name in DEFINED_TWICE if names.count(name) < 2] == []
    functions = {
        f"{place.partition(':')[0]}:{name}" for place, (name, _) in list_promises(product).items()
    }
    assert sorted(KEEPS_NO_PROMISE.keys() - functions) == []


def test_verbs_keep_their_promises(product, frozen_modules):
    frozen = set(list_frozen(frozen_modules))
    broken = [
        f"{place}: {name} -> {annotation}"
        for place, (name, annotation) in list_promises(product).items()
        if f"{place.partition(':')[0]}:{name}" not in KEEPS_NO_PROMISE
        and name not in frozen
        and not keeps_promise(name, annotation)
    ]

    assert broken == []


def list_frozen(modules):
    """Names that plugins import, and the methods of classes among them: `find_plugin (self, name)`."""
    for names in modules.values():
        for name, pinned in names.items():
            yield name
            if isinstance(pinned, list):
                yield from (member.partition(" ")[0] for member in pinned)


def list_promises(product):
    """Each function with a return type: its place → its name and the type as it is written.

    Routes and commands are left out: they answer on the wire or the terminal.
    """
    return {
        f"{file.path}:{function.lineno}": (function.name, ast.unparse(function.returns))
        for file in product
        for function in file.functions()
        if function.returns is not None and not is_route_or_command(function)
    }


def is_route_or_command(function):
    """Decorated by a call of a method: `@router.get("/…")`, `@app.command()`."""
    return any(
        isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Attribute)
        for decorator in function.decorator_list
    )


def keeps_promise(name, annotation):
    verb, _, thing = name.lstrip("_").partition("_")
    if not thing:
        return True
    if verb == "find":
        return "None" in annotation
    if verb in ("get", "choose", "collect", "require", "resolve"):
        return annotation != "None" and not annotation.endswith("| None")
    if verb == "check":
        return annotation == "None"
    if verb in ("is", "has", "can"):
        return annotation in ("bool", "ColumnElement[bool]") or annotation.startswith("Type")
    if verb == "list":
        return annotation.partition("[")[0] in MANY | ALIASES.keys()
    return True


MANY = {
    "list", "tuple", "set", "frozenset", "dict", "Sequence", "Mapping", "Collection", "Iterable", "Iterator", "Generator",
}  # fmt: skip
ALIASES = {"Errors": "Iterator", "ProvidedNames": "list"}
"""Our own names of such types."""


@pytest.mark.parametrize(
    ("name", "annotation", "kept"),
    [
        ("find_job", "JobDto | None", True),
        ("find_job", "JobDto", False),
        ("_get_job", "JobDto | None", False),
        ("check_name", "str", False),
        ("is_ready", "bool", True),
        ("has_ended", "str", False),
        ("list_jobs", "list[JobDto]", True),
        ("list_jobs", "JobDto", False),
        ("finders", "str", True),
        ("find", "str", True),
        ("list_ids", "set[str]", True),
    ],
)
def test_promises_are_read_from_names_and_types(name, annotation, kept):
    assert keeps_promise(name, annotation) is kept
