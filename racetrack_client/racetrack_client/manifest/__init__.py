"""The manifest of a job, `job.yaml`."""

from racetrack_client.manifest.manifest import GitManifest, Manifest, ResourcesManifest

__all__ = ["GitManifest", "Manifest", "ResourcesManifest"]
