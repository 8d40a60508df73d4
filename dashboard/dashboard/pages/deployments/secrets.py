"""Secret variables as lines of text."""

import re

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def read_variables(what: str, text: str) -> dict[str, str]:
    """Return the variables of lines `NAME=value`; raises ValueError, which never repeats a value."""
    variables: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, mark, value = line.partition("=")
        name = name.strip().removeprefix("export ").strip()
        if not mark or not _NAME.fullmatch(name):
            raise ValueError(f"Line {number} of the {what} is not NAME=value.")
        if name in variables:
            raise ValueError(f"The {what} name {name} twice.")
        variables[name] = value.strip().strip("\"'") if _is_quoted(value.strip()) else value.strip()
    return variables


def _is_quoted(value: str) -> bool:
    return len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
