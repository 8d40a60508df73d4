"""Bundling a plugin's directory into a zip that is reproducible: sorted entries, fixed times."""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pydantic
import yaml
from pathspec import GitIgnoreSpec

from racetrack_client.client.ignore_rules import read_racetrack_ignore
from racetrack_client.log.errors import ValidationError
from racetrack_client.plugin.plugin_manifest import PluginManifest
from racetrack_client.utils.bounded_yaml import load_bounded_yaml
from racetrack_client.utils.semver import SemanticVersion

MANIFEST_FILE = "plugin-manifest.yaml"
NEVER_PACKED = (
    "*.zip",
    ".git",
    "*.pyc",
    "__pycache__",
    ".gitignore",
    "/.racetrackignore",
    "/plugin-manifest.yaml",
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_EPOCH = (1980, 1, 1, 0, 0, 0)


def load_plugin_manifest(directory: Path, version: str | None = None) -> PluginManifest:
    """Return a plugin's checked manifest; `version` overrides its own. Raises ValidationError when it is wrong."""
    file = directory / MANIFEST_FILE
    for needed in (file, directory / "plugin.py"):
        if not needed.is_file():
            raise ValidationError(
                f"{needed} is missing; a plugin needs {MANIFEST_FILE} and plugin.py"
            )
    try:
        content = load_bounded_yaml(file.read_text())
        manifest = PluginManifest.model_validate(
            content | ({"version": version} if version else {})
        )
        SemanticVersion.parse(manifest.version)
    except pydantic.ValidationError as error:
        raise ValidationError(f"{file} is wrong: {_describe(error)}") from error
    except (yaml.YAMLError, ValueError, TypeError) as error:
        raise ValidationError(f"{file} is wrong: {error}") from error
    if not _NAME.fullmatch(manifest.name):
        raise ValidationError(
            f"{file} is wrong: the name {manifest.name!r} may hold only letters, digits, dots, _ and -"
        )
    return manifest


def bundle_plugin(
    directory: Path,
    target: Path,
    manifest: PluginManifest,
    extra_files: dict[str, Path] | None = None,
) -> None:
    """Write the zip; `extra_files` maps names inside it to files from elsewhere."""
    ignored = read_racetrack_ignore(directory) + GitIgnoreSpec.from_lines(NEVER_PACKED)
    files = {
        path.relative_to(directory).as_posix(): path
        for path in _walk(directory, (directory.resolve(), *directory.resolve().parents))
        if path.resolve() != target.resolve()
    }
    chosen = {name: path for name, path in files.items() if not ignored.match_file(name)} | (
        extra_files or {}
    )
    contents = {name: path.read_bytes() for name, path in chosen.items()}
    contents[MANIFEST_FILE] = yaml.safe_dump(manifest.model_dump(exclude_none=True)).encode()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name in sorted(contents):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = 0o644 << 16
            bundle.writestr(entry, contents[name], zipfile.ZIP_DEFLATED)


def _walk(directory: Path, trail: tuple[Path, ...]) -> Iterator[Path]:
    """Yield the files below a directory and below linked ones; a link back into `trail` would loop, and is left out."""
    for path in directory.iterdir():
        if path.is_file():
            yield path
        elif path.is_dir() and (real := path.resolve()) not in trail:
            yield from _walk(path, (*trail, real))


def _describe(error: pydantic.ValidationError) -> str:
    return ", ".join(
        f"{'.'.join(map(str, each['loc'])) or 'the whole file'}: {each['msg'].lower()}"
        for each in error.errors(include_url=False)
    )
