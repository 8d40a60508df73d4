"""Manifests as text in an editor: their check, by the rules that Lifecycle applies too."""

from dataclasses import dataclass
from typing import Any

from racetrack_client.log.errors import ValidationError
from racetrack_client.manifest.rules import list_deprecations
from racetrack_client.manifest.validate import ManifestError, parse_manifest
from racetrack_client.utils.datamodel import load_yaml_map


@dataclass(frozen=True)
class CheckedManifest:
    """The result of a check."""

    errors: str
    """The errors, a line each; empty if there are none."""
    warnings: str = ""
    content: dict[str, Any] | None = None
    """The manifest; None if it is wrong."""


def read_manifest(text: str) -> CheckedManifest:
    """Check the text of a manifest."""
    try:
        content = load_yaml_map(text)
        parse_manifest(content)
    except (ManifestError, ValidationError) as error:
        return CheckedManifest(str(error))
    return CheckedManifest("", "\n".join(list_deprecations(content)), content)
