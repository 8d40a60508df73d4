"""The manifest of a job, `job.yaml`.

Plugins import this module: its names are frozen (docs/plugins.md).
"""

from racetrack_client.manifest.manifest import GitManifest, Manifest, ResourcesManifest

__all__ = ["GitManifest", "Manifest", "ResourcesManifest"]
