"""A plugin's directory becomes a zip: sorted entries, fixed times, the same bytes each time."""

import zipfile
from pathlib import Path

import yaml
from pathspec import GitIgnoreSpec
from pydantic import ValidationError as SchemaError

from racetrack_client.log.errors import ValidationError
from racetrack_client.plugin.plugin_manifest import PluginManifest
from racetrack_client.utils.semver import SemanticVersion

MANIFEST_FILE = "plugin-manifest.yaml"
_EPOCH = (1980, 1, 1, 0, 0, 0)
_IGNORED = [
    "*.zip",
    ".git",
    "*.pyc",
    "__pycache__",
    ".gitignore",
    "/.racetrackignore",
    f"/{MANIFEST_FILE}",
]


def load_plugin_manifest(directory: Path, version: str | None = None) -> PluginManifest:
    """Read and check a plugin's manifest; `version` overrides its own."""
    file = directory / MANIFEST_FILE
    for needed in (file, directory / "plugin.py"):
        if not needed.is_file():
            raise ValidationError(
                f"{needed} is missing; a plugin needs {MANIFEST_FILE} and plugin.py"
            )
    try:
        content = yaml.safe_load(file.read_text())
        manifest = PluginManifest.model_validate(
            content | ({"version": version} if version else {})
        )
        SemanticVersion.parse(manifest.version)
    except (yaml.YAMLError, SchemaError, ValueError, TypeError) as error:
        raise ValidationError(f"{file} is wrong: {error}") from error
    return manifest


def bundle_plugin(
    directory: Path,
    target: Path,
    manifest: PluginManifest,
    extra_files: dict[str, Path] | None = None,
) -> None:
    """Write the zip; `extra_files` maps names inside it to files from elsewhere."""
    ignore_file = directory / ".racetrackignore"
    lines = ignore_file.read_text().splitlines() if ignore_file.exists() else []
    ignored = GitIgnoreSpec.from_lines([*lines, *_IGNORED])
    files = {
        path.relative_to(directory).as_posix(): path
        for path in directory.rglob("*")
        if path.is_file() and path.resolve() != target.resolve()
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
