"""The programs that an infrastructure plugin runs, read from its code: without them, each deployment would fail."""

import ast
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

_PACKAGES = {"docker": "docker-cli", "kubectl": "kubernetes-client"}
"""The programs that targets need, and Debian's packages that hold them."""
_RUNNERS = {
    "shell", "shell_output", "run", "Popen", "call", "check_call", "check_output", "system", "popen", "getoutput",
}  # fmt: skip
"""Functions that run their first argument."""
_REMOTE = "remote_shell"
"""The function that runs a command on another machine."""
_COMMAND = re.compile(rf"\s*({'|'.join(_PACKAGES)})\s")


def describe_missing_programs(plugin_dir: Path) -> str | None:
    """Return which programs the plugin's code runs and this machine lacks, with what to install; None when it lacks none."""
    used = {name for path in plugin_dir.rglob("*.py") for name in _list_programs(path)}
    missing = sorted(name for name in used if shutil.which(name) is None)
    if not missing:
        return None
    packages = " ".join(_PACKAGES[name] for name in missing)
    return (
        f"it runs {' and '.join(missing)}, which is not on the PATH of this machine: install it where Lifecycle and "
        f"the Supervisor run (Debian: {packages}), and then the plugin again"
    )


def _list_programs(path: Path) -> Iterator[str]:
    text = path.read_text("utf-8", errors="replace")
    if _REMOTE in text:
        return
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return  # Loading the plugin tells this, if the file matters.
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args and _read_name(node.func) in _RUNNERS:
            yield from _list_started(node.args[0])
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            yield from _list_started(node.value)


def _read_name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _list_started(command: ast.expr) -> Iterator[str]:
    """Yield the program of a command that is a text, an f-string, or a list of arguments."""
    if isinstance(command, ast.List | ast.Tuple) and command.elts:
        first = command.elts[0]
        if isinstance(first, ast.Constant) and first.value in _PACKAGES:
            yield str(first.value)
        return
    if isinstance(command, ast.JoinedStr) and command.values:
        command = command.values[0]
    is_text = isinstance(command, ast.Constant) and isinstance(command.value, str)
    if is_text and (match := _COMMAND.match(str(command.value))):  # type: ignore[attr-defined]
        yield match[1]
