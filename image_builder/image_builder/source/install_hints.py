"""Hints for requirements that can't be installed: the line to add, in the words of a job's author."""

import re
from collections.abc import Sequence

_NEEDED_IN_BUILD = re.compile(r"ModuleNotFoundError: No module named '(?P<module>[\w.]+)'")
_BUILD_OF = re.compile(r"Failed to (?:download and )?build `(?P<name>[^`@\s=]+)")
_IS_BUILD = re.compile(r"build backend returned an error|Failed to (?:download and )?build")
_HEADER = re.compile(r"fatal error: (?P<header>[\w./-]+\.h): No such file")
_OPTIONS = {
    "--index-strategy": ("UV_INDEX_STRATEGY", "unsafe-best-match", "all package indexes count"),
    "--prerelease": ("UV_PRERELEASE", "allow", "releases before the final one count"),
    "--allow-insecure-host": (
        "UV_INSECURE_HOST",
        "HOST",
        "this host is trusted without a certificate",
    ),
}
"""Advice of uv that names an option: the variable in `build_env` that does the same."""
_DEBIAN = {
    "Python.h": "python3-dev",
    "ffi.h": "libffi-dev",
    "libpq-fe.h": "libpq-dev",
    "mysql.h": "default-libmysqlclient-dev",
    "openssl/ssl.h": "libssl-dev",
    "libxml/xmlversion.h": "libxml2-dev",
    "libxslt/xslt.h": "libxslt1-dev",
    "jpeglib.h": "libjpeg-dev",
    "zlib.h": "zlib1g-dev",
    "sasl/sasl.h": "libsasl2-dev",
    "lber.h": "libldap-dev",
    "portaudio.h": "portaudio19-dev",
    "sql.h": "unixodbc-dev",
    "hdf5.h": "libhdf5-dev",
}
_PROGRAMS = {
    "libpq-dev": r"pg_config.*not found",
    "default-libmysqlclient-dev": r"mysql_config.*not found|pkg-config.*mysqlclient",
    "build-essential": r"(command|directory:) '\S*(gcc|cc|g\+\+|clang)'( failed: No such file|$)|Unknown compiler",
    "cmake": r"cmake.*(not found|No such file)",
    "git": r"git executable not found",
    "cargo": r"(can't|not) find (a )?Rust|cargo.*not (installed|found)",
}
"""Debian packages, and the complaints of builds that lack one of their programs."""


def describe_hint(lines: Sequence[str]) -> str:
    """Return the hint for the output of a failed installation; empty when there is none."""
    text = "\n".join(lines)
    for option, (variable, value, effect) in _OPTIONS.items():
        if option in text:
            return f"with `build_env: {{{variable}: {value}}}` in job.yaml {effect}"
    if package := _find_debian_package(text):
        return (
            f"it needs `system_dependencies: [{package}]` in job.yaml, "
            "and for a job that runs as a process the package on the machine"
        )
    return _hint_at_build_dependency(text) if _IS_BUILD.search(text) else ""


def _find_debian_package(text: str) -> str | None:
    if match := _HEADER.search(text):
        return _DEBIAN.get(match["header"])
    flags = re.IGNORECASE | re.MULTILINE
    found = (package for package, sign in _PROGRAMS.items() if re.search(sign, text, flags))
    return next(found, None)


def _hint_at_build_dependency(text: str) -> str:
    missing = _NEEDED_IN_BUILD.search(text)
    if missing is None:
        return ""
    module = missing["module"].partition(".")[0]
    built = _BUILD_OF.search(text)
    name = built["name"] if built else "PACKAGE"
    naming = "" if built else " (PACKAGE stands for the name of the library)"
    return (
        f'put a file uv.toml beside job.yaml with the line `extra-build-dependencies = {{ {name} = ["{module}"] }}`, '
        f"and give the requirement its name (`{name} @ …`){naming}: the build of {name} imports {module}, and sees only its "
        f"own build dependencies; in a library of yours, add {module} to `[build-system] requires` of its pyproject.toml"
    )
