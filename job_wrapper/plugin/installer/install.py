"""The installer inside builds of images: it installs the wrapper and a job's requirements into a virtual environment, by uv.

It may import only the standard library, of any Python version that jobs may choose. It is called as

    install.py base                       compiles Python's own modules
    install.py tools                      puts uv beside Python
    install.py job VENV [OPTION...]       makes the environment, of the plugin's wheels and of what uv's options name
"""

import compileall
import json
import os
import re
import subprocess
import sys
import sysconfig
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import Distribution, distributions
from pathlib import Path

SECRETS = Path("/run/secrets/build_secrets.env")
WHEELS = Path("/wheels")
UV = "uv>=0.13,<1"
# The names of settings for pip, and their names for uv.
INDEX_VARIABLES = {
    "PIP_INDEX_URL": "UV_DEFAULT_INDEX",
    "PIP_EXTRA_INDEX_URL": "UV_INDEX",
    "PIP_FIND_LINKS": "UV_FIND_LINKS",
    "PIP_TRUSTED_HOST": "UV_INSECURE_HOST",
}
UNCOMPILED = re.compile(
    "/(site-packages|dist-packages|tests?|idlelib|tkinter|ensurepip|lib2to3|pydoc_data)/"
)
# Most requirements come as wheels; a compiler and git are installed only when an error message asks for them.
TOOLS = {
    "git": re.compile(r"git executable not found", re.IGNORECASE),
    "build-essential": re.compile(r"failed to (download and )?build", re.IGNORECASE),
}


def main(arguments: Sequence[str]) -> int:
    """Run one step; return the exit code."""
    variables = make_variables(os.environ, SECRETS)
    match arguments:
        case ["base"]:
            return compile_standard_library()
        case ["tools"]:
            pip = [sys.executable, "-m", "pip", "install", "--root-user-action=ignore"]
            return _run_shown([*pip, UV], variables)[0]
        case ["job", venv, *options]:
            wheels = [str(wheel) for wheel in sorted(WHEELS.glob("*.whl"))]
            code = install(venv, [*wheels, *options], variables)
            if not code:
                write_packages(Path(venv))
            return code
    print(__doc__, file=sys.stderr)
    return 2


def compile_standard_library() -> int:
    """Compile the modules that Python's public images hold as source only.

    A job can't write there, and would compile the same modules at each start: 0.35 s for those of the wrapper alone.
    """
    compileall.compile_dir(sysconfig.get_path("stdlib"), quiet=2, workers=0, rx=UNCOMPILED)
    return 0


def make_variables(environment: Mapping[str, str], secrets: Path) -> dict[str, str]:
    """Return the variables of an installation: those of the image, and the secrets of a file in the shell's format."""
    variables = dict(environment)
    if secrets.is_file():
        command = ["sh", "-c", 'set -a; . "$0"; exec env -0', str(secrets)]
        done = subprocess.run(command, env=variables, stdout=subprocess.PIPE, text=True, check=True)
        pairs = (line.partition("=") for line in done.stdout.split("\0") if line)
        variables = {name: value for name, _, value in pairs}
    known = {
        name: variables[pip_name]
        for pip_name, name in INDEX_VARIABLES.items()
        if variables.get(pip_name) and name not in variables
    }
    # The cache is a mount, and there are no hard links from one file system to another.
    return variables | known | {"UV_LINK_MODE": "copy", "UV_PYTHON_DOWNLOADS": "never"}


def install(venv: str, options: Sequence[str], variables: Mapping[str, str]) -> int:
    """Make the environment, with compiled modules because a job can't write there; install missing tools on the way."""
    code, _ = _run_shown(["uv", "venv", "--quiet", "--python", sys.executable, venv], variables)
    if code:
        return code
    command = ["uv", "pip", "install", "--python", venv, "--no-progress"]
    command += ["--compile-bytecode", "--no-editable", *options]
    missing = dict(TOOLS)
    while True:
        code, output = _run_shown(command, variables)
        tool = next((name for name, sign in missing.items() if code and sign.search(output)), None)
        if tool is None:
            return code
        del missing[tool]
        print(f"a requirement needs {tool}: installing it, and trying again", flush=True)
        _install_tool(tool, variables)


def write_packages(venv: Path) -> None:
    """Write the packages into the environment, for the log of the build: their versions, and the commits of those from git."""
    paths = [str(each) for each in venv.glob("lib/python*/site-packages")]
    found = {each.metadata["Name"]: _describe(each) for each in distributions(path=paths)}
    content = {"made_at": time.time(), "resolved": dict(sorted(found.items()))}
    (venv / "packages.json").write_text(json.dumps(content))


def _describe(distribution: Distribution) -> str:
    try:
        commit = json.loads(distribution.read_text("direct_url.json") or "")["vcs_info"][
            "commit_id"
        ]
    except (ValueError, KeyError):
        return distribution.version
    return f"{distribution.version} at commit {commit[:10]}"


def _install_tool(name: str, variables: Mapping[str, str]) -> None:
    environment = {**variables, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "-y", "--no-install-recommends", name]):
        apt = ["apt-get", "-qq", *command]
        done = subprocess.run(apt, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            # The next attempt fails with a message about the missing tool.
            print(f"{name} can't be installed: {done.stderr}", flush=True)
            return


def _run_shown(command: Sequence[str], variables: Mapping[str, str]) -> tuple[int, str]:
    """Run a command and show its output at once; return the exit code and the output."""
    lines = []
    with subprocess.Popen(
        command, env=dict(variables), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            lines.append(line)
    return process.returncode, "".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
