"""Manifests of jobs as they are stored: the text that a user wrote, and beside it the same as JSON.

Reading YAML takes a hundred times longer than reading JSON, and lists have thousands of jobs.
"""

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache

from racetrack_client.manifest import Manifest
from racetrack_client.utils.datamodel import load_yaml_map


@dataclass(frozen=True)
class StoredManifest:
    """The JSON of a manifest, with the digest of the text that it was made of."""

    digest: str
    content: str
    """`null` if the text is no manifest by today's rules."""


def parse_stored_manifest(manifest_yaml: str | None) -> Manifest | None:
    """Return the manifest of a job, or None if an older release with other rules wrote it."""
    if manifest_yaml is None:
        return None
    manifest = _parse(manifest_yaml)
    return manifest.model_copy(deep=True) if manifest else None


def make_stored_manifest(manifest_yaml: str) -> StoredManifest:
    """Return the JSON of a manifest, to be stored."""
    manifest = _parse(manifest_yaml)
    content = manifest.model_dump_json() if manifest else "null"
    return StoredManifest(digest_manifest(manifest_yaml), content)


def digest_manifest(manifest_yaml: str) -> str:
    """Return the digest of a manifest's text and of the keys that this release knows: JSON under another one is outdated."""
    return hashlib.sha256(_digest_keys() + manifest_yaml.encode(errors="replace")).hexdigest()


@lru_cache(maxsize=1)
def _digest_keys() -> bytes:
    schema = json.dumps(Manifest.model_json_schema(), sort_keys=True)
    return hashlib.sha256(schema.encode()).digest()


@lru_cache(maxsize=1024)
def _parse(manifest_yaml: str) -> Manifest | None:
    try:
        data = load_yaml_map(manifest_yaml)
        manifest = Manifest.model_validate(data)
    except ValueError:
        return None
    manifest.set_origin(data)
    return manifest
