"""The validation of manifests, the same in client and server: it reports all errors of a file at once.

Plugins import this module: its names are frozen (docs/plugins.md).
"""

from pathlib import Path

from racetrack_client.log.context_error import wrap_context
from racetrack_client.manifest.load import Overrides, load_manifest, parse_extra_vars
from racetrack_client.manifest.manifest import Manifest
from racetrack_client.manifest.parse import ManifestError, check_manifest, parse_manifest

__all__ = [
    "ManifestError",
    "check_manifest",
    "load_validated_manifest",
    "parse_manifest",
    "validate_manifest",
]


def validate_manifest(manifest: Manifest) -> None:
    """Raise ManifestError, which names every value that can't be deployed, when there is one."""
    check_manifest(manifest)


def load_validated_manifest(
    path: str | Path, extra_vars: Overrides | list[str] | None = None
) -> Manifest:
    """Load, merge and validate the manifest of a directory or file."""
    variables = parse_extra_vars(extra_vars) if isinstance(extra_vars, list) else extra_vars
    with wrap_context("validating manifest"):
        return load_manifest(Path(path), variables)
