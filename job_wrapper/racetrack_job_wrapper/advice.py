"""Advice for errors that authors meet while a job is being loaded: the line to add, or the file to rename."""

import re
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

from racetrack_job_wrapper.environment import JobEnvironment
from racetrack_job_wrapper.thread_advice import find_thread_advice

_DISTRIBUTIONS = {
    "Crypto": "pycryptodome", "Levenshtein": "python-Levenshtein", "MySQLdb": "mysqlclient", "OpenSSL": "pyOpenSSL",
    "PIL": "Pillow", "absl": "absl-py", "attr": "attrs", "bs4": "beautifulsoup4", "community": "python-louvain",
    "cv2": "opencv-python-headless", "dateutil": "python-dateutil", "distutils": "setuptools", "dns": "dnspython",
    "docx": "python-docx", "dotenv": "python-dotenv", "faiss": "faiss-cpu", "fitz": "PyMuPDF", "git": "GitPython",
    "google": "google-cloud-… (the one with this module)",
       "google.protobuf": "protobuf", "grpc": "grpcio", "hydra": "hydra-core", "imblearn": "imbalanced-learn",
    "jose": "python-jose", "jwt": "PyJWT", "kafka": "kafka-python", "ldap": "python-ldap", "magic": "python-magic",
    "mpl_toolkits": "matplotlib", "multipart": "python-multipart", "nacl": "PyNaCl", "osgeo": "GDAL",
    "pkg_resources": "setuptools<82", "pptx": "python-pptx", "psycopg2": "psycopg2-binary", "pylab": "matplotlib",
    "serial": "pyserial", "skimage": "scikit-image", "sklearn": "scikit-learn", "slugify": "python-slugify",
    "umap": "umap-learn", "yaml": "PyYAML", "zmq": "pyzmq",
}  # fmt: skip
"""Modules whose distribution has another name, or that only some versions of it have."""
_REMOVED = {
    "asynchat": "3.11", "asyncore": "3.11", "imp": "3.11", "smtpd": "3.11", "aifc": "3.12", "audioop": "3.12",
    "cgi": "3.12", "cgitb": "3.12", "chunk": "3.12", "crypt": "3.12", "imghdr": "3.12", "lib2to3": "3.12",
    "nntplib": "3.12", "pipes": "3.12", "sndhdr": "3.12", "sunau": "3.12", "telnetlib": "3.12", "uu": "3.12",
    "xdrlib": "3.12",
}  # fmt: skip
"""Modules that Python no longer has, and the last version that had them."""
_LIBRARIES = {
    "libEGL.so.1": "libegl1", "libGL.so.1": "libgl1", "libGLU.so.1": "libglu1-mesa", "libICE.so.6": "libice6",
    "libSM.so.6": "libsm6", "libX11.so.6": "libx11-6", "libcairo.so.2": "libcairo2", "libgdal.so": "libgdal-dev",
    "libgio-2.0.so.0": "libglib2.0-0", "libglib-2.0.so.0": "libglib2.0-0", "libgobject-2.0.so.0": "libglib2.0-0",
    "libgthread-2.0.so.0": "libglib2.0-0", "libmagic.so.1": "libmagic1", "libodbc.so.2": "libodbc2",
    "libpango-1.0.so.0": "libpango-1.0-0", "libpangocairo-1.0.so.0": "libpangocairo-1.0-0",
    "libstdc++.so.6": "libstdc++6",
}  # fmt: skip
"""Shared libraries, and the packages of Debian that hold them, where the rule of `_name_package` does not lead there."""
_MISSING_LIBRARY = re.compile(r"(lib[\w.+-]+?\.so[.\d]*): cannot open shared object file")
_INSTALL = re.compile(r"pip3? install [\"'`]?([A-Za-z][\w.-]*)")
_IN_MAIN = re.compile(r"Can't get attribute '(\w+)' on <module '__main__'")
_MOST_FILES = 1000
_POINTER = "invalid load key, 'v'"


def find_advice(error: BaseException, environment: JobEnvironment, directory: Path) -> str | None:
    """Return the way to mend the error, for a job in the directory; None when there is nothing to add to its message."""
    text = str(error)
    if hidden := _find_hidden_module(error, directory):
        return f"{hidden} of the job has the name of a module that the wrapper uses; rename it"
    if isinstance(error, ModuleNotFoundError) and error.name:
        return _advise_about_module(error.name, environment, directory)
    if "attempted relative import with no known parent package" in text:
        return "leave the dot out: write `from helpers import …`, not `from .helpers import …`"
    if library := _MISSING_LIBRARY.search(text):
        return _advise_about_library(library[1])
    if name := _IN_MAIN.search(text):
        return _advise_about_pickle(name[1], directory)
    if _POINTER in text:
        return "the file may be a pointer of Git LFS, not what it points to"
    if isinstance(error, ImportError | RuntimeError) and (named := _INSTALL.search(text)):
        return _name_requirement(named[1].rstrip("."), environment)
    return find_thread_advice(text)


def _find_hidden_module(error: BaseException, directory: Path) -> str | None:
    """Return the job's file whose name led an import to another module."""
    name: Any = getattr(error, "name", None)
    if isinstance(error, AttributeError):
        # Python 3.10 has neither.
        module = getattr(error, "obj", None)
        name = module.__name__ if isinstance(module, ModuleType) else None
    if not isinstance(error, AttributeError | ImportError) or not isinstance(name, str):
        return None
    top = name.partition(".")[0]
    found = getattr(sys.modules.get(top), "__file__", None)
    own = next(
        (each for each in (f"{top}.py", f"{top}/__init__.py") if (directory / each).is_file()), None
    )
    is_own = found is None or Path(found).is_relative_to(directory)
    return None if is_own else own


def _advise_about_module(name: str, environment: JobEnvironment, directory: Path) -> str:
    top = name.partition(".")[0]
    if top in _REMOVED:
        return f"Python {_REMOVED[top]} is the last that has it: set jobtype_extra.python_version to '{_REMOVED[top]}'"
    if (directory / top).is_file():
        return f"{top} is a file, not a package, perhaps a link that was checked out as text: put the package itself there"
    pattern = re.compile(rf"{re.escape(top)}(\.py|/__init__\.py)")
    for path in _list_python_files(directory):
        inner = path.relative_to(directory).as_posix()
        if pattern.fullmatch(inner.rpartition("/")[2]) or inner.endswith(f"/{top}/__init__.py"):
            folder = inner.removesuffix("/__init__.py").rpartition("/")[0]
            return f"{inner} is in another folder: set runtime_env.PYTHONPATH to {folder}, or import it by its whole name"
    known = _DISTRIBUTIONS.get(name) or _DISTRIBUTIONS.get(top, top)
    return _name_requirement(known, environment)


def _name_requirement(distribution: str, environment: JobEnvironment) -> str:
    if path := environment.extra.get("requirements_path"):
        return f"add the line {distribution} to {path}"
    return (
        f"write {distribution} into a file requirements.txt, and name that file in job.yaml: "
        "`requirements_path: requirements.txt` below jobtype_extra"
    )


def _advise_about_library(library: str) -> str:
    package = _LIBRARIES.get(library) or _name_package(library)
    return (
        f"add `system_dependencies: [{package}]` to job.yaml; where jobs run as processes, "
        f"{package} has to be installed on the machine"
    )


def _name_package(library: str) -> str:
    """Return the usual name of the Debian package that holds a shared library: libgomp.so.1 is in libgomp1."""
    stem, _, version = library.partition(".so")
    number = version.strip(".").partition(".")[0]
    dash = "-" if stem[-1:].isdigit() and number else ""
    return f"{stem}{dash}{number}".lower().replace("_", "-")


def _advise_about_pickle(name: str, directory: Path) -> str:
    definition = re.compile(rf"^(?:class|def) {name}\b", re.MULTILINE)
    found = (
        path
        for path in _list_python_files(directory)
        if definition.search(path.read_text(errors="replace"))
    )
    path = next(found, None)
    module = ".".join(path.relative_to(directory).with_suffix("").parts) if path else "its module"
    return (
        f"a script pickled its own {name}, as part of `__main__`: write `from {module} import {name}` "
        "in the entrypoint; or move it into a module of its own and pickle it again"
    )


def _list_python_files(directory: Path) -> Iterator[Path]:
    """Yield the job's own files, those of a large directory not all."""
    paths = (path for path in directory.rglob("*.py") if "site-packages" not in path.parts)
    return islice(paths, _MOST_FILES)
