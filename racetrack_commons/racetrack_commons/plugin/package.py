"""Packages of plugins: the checks that a zip must pass before any of it is unpacked or run."""

import re
import stat
import zipfile
from pathlib import Path, PurePosixPath

import pydantic
from racetrack_client.log.errors import ValidationError
from racetrack_client.plugin.plugin_manifest import PluginManifest
from racetrack_client.utils.datamodel import load_yaml_map
from racetrack_client.utils.semver import SemanticVersion

MANIFEST_FILE = "plugin-manifest.yaml"
PLUGIN_FILE = "plugin.py"
MAX_FILES = 10_000
MAX_BYTES = 1024**3
_CHUNK = 1024 * 1024
# Both become parts of file names; a version may have any label that a file name can hold.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_VERSION = re.compile(r"\d+\.\d+\.\d+[A-Za-z0-9._+-]{0,64}")


class InvalidPlugin(ValidationError):
    """The package is not a plugin, or is not safe."""


def package_stem(manifest: PluginManifest) -> str:
    """Return the name of a plugin's files and directories: `python3-job-type-3.0.0`."""
    return f"{manifest.name}-{manifest.version}"


def read_package_manifest(zip_path: Path) -> PluginManifest:
    """Check a package and return its manifest; raises InvalidPlugin, which says what is wrong."""
    try:
        with zipfile.ZipFile(zip_path) as package:
            _check_entries(package)
            return _parse_manifest(package.read(MANIFEST_FILE))
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError) as e:
        raise InvalidPlugin(f"the file is not a readable zip: {e}") from e


def extract_package(zip_path: Path, directory: Path) -> None:
    """Unpack a package into an empty directory; raises InvalidPlugin when the unpacked bytes exceed the limit."""
    left = MAX_BYTES
    with zipfile.ZipFile(zip_path) as package:
        _check_entries(package)
        for entry in package.infolist():
            target = directory / entry.filename
            if entry.is_dir():
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            left -= _extract_file(package, entry, target, left)
            target.chmod(0o644)
    # Containers get the files of a job type with these modes, whatever the umask of the service is.
    for path in directory.rglob("*"):
        if path.is_dir():
            path.chmod(0o755)


def _extract_file(
    package: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, limit: int
) -> int:
    size = 0
    with package.open(entry) as source, target.open("wb") as sink:
        while chunk := source.read(_CHUNK):
            size += len(chunk)
            if size > limit:
                raise InvalidPlugin(f"the plugin unpacks to more than {MAX_BYTES} bytes")
            sink.write(chunk)
    return size


def _check_entries(package: zipfile.ZipFile) -> None:
    entries = package.infolist()
    if len(entries) > MAX_FILES:
        raise InvalidPlugin(f"the plugin has more than {MAX_FILES} files")
    if sum(entry.file_size for entry in entries) > MAX_BYTES:
        raise InvalidPlugin(f"the plugin unpacks to more than {MAX_BYTES} bytes")
    for entry in entries:
        _check_entry(entry)
    names = [entry.filename for entry in entries]
    if len(set(names)) < len(names):
        raise InvalidPlugin("the plugin has two files of the same name")
    if missing := {MANIFEST_FILE, PLUGIN_FILE} - set(names):
        raise InvalidPlugin(
            f"the plugin lacks {', '.join(sorted(missing))} at the root of its zip; "
            "`racetrack plugin bundle` makes a right one"
        )


def _check_entry(entry: zipfile.ZipInfo) -> None:
    path = PurePosixPath(entry.filename)
    if path.is_absolute() or ".." in path.parts or "\\" in entry.filename or not path.parts:
        raise InvalidPlugin(f"the plugin has a file outside its directory: {entry.filename!r}")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise InvalidPlugin(f"the plugin has a link or device: {entry.filename!r}")


def _parse_manifest(content: bytes) -> PluginManifest:
    try:
        manifest = PluginManifest.model_validate(load_yaml_map(content.decode()))
    except pydantic.ValidationError as e:
        problems = "; ".join(
            f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in e.errors()
        )
        raise InvalidPlugin(f"{MANIFEST_FILE}: {problems}") from e
    except ValueError as e:
        raise InvalidPlugin(f"{MANIFEST_FILE}: {e}") from e
    if not _NAME.fullmatch(manifest.name):
        raise InvalidPlugin(f"{MANIFEST_FILE}: name must be letters, digits, dots and dashes")
    if not _VERSION.fullmatch(manifest.version) or not SemanticVersion.find(manifest.version):
        raise InvalidPlugin(f"{MANIFEST_FILE}: version must look like 1.2.3 or 1.2.3-label")
    return manifest
