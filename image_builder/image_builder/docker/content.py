"""What decides the content of an image, in one number; and the labels that say it."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass

from image_builder.image_maker import ImageOrder
from image_builder.source.digest import digest_tree

COMPONENT_LABEL = "racetrack-component"
PLATFORM_LABEL = "racetrack-platform"
JOB_NAME_LABEL = "job-name"
JOB_VERSION_LABEL = "job-version"
DIGEST_LABEL = "racetrack-content-digest"

JOB = "job"
JOBTYPE = "jobtype"
"""Component of images that hold the files of a job type or the base of its images."""

_NOT_CONTENT = frozenset({"__pycache__"})
"""Appears beside a plugin's code when it is used."""


@dataclass(frozen=True)
class ContentDigests:
    """Digests of the images of one order."""

    order: ImageOrder
    key: bytes
    """Keeps digests of secret variables from being guessed."""
    source: str
    plugin: str

    def of_image(self, kind: str, dockerfile: str) -> str:
        """Return the digest of an image of the job; `kind` tells apart images of equal Dockerfiles."""
        build_env = self.order.request.manifest.build_env
        return self._digest(kind, dockerfile, self.source, self._secrets, build_env)

    def of_jobtype(self, kind: str, dockerfile: str) -> str:
        """Return the digest of an image that is made of the job type's plugin alone."""
        return self._digest(kind, dockerfile)

    def _digest(self, *parts: str | Mapping[str, str] | None) -> str:
        request = self.order.request
        # An image made without the cache belongs to its deployment, which may ask again after a crash.
        fresh = request.deployment_id if request.no_cache else ""
        content = [str(self.order.job_type), self.plugin, fresh, *parts]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @property
    def _secrets(self) -> str:
        variables = self.order.request.secret_build_env
        content = json.dumps(dict(variables), sort_keys=True).encode()
        return hmac.new(self.key, content, hashlib.sha256).hexdigest() if variables else ""


def digest_contents(order: ImageOrder, key: bytes) -> ContentDigests:
    """Read the source and the plugin of an order."""
    return ContentDigests(
        order,
        key,
        source=digest_tree(order.source.directory),
        plugin=digest_tree(order.job_type.plugin_directory, _NOT_CONTENT),
    )


def make_job_labels(order: ImageOrder, platform: str, digest: str) -> dict[str, str]:
    """Return what marks an image as ours, and as that of a job."""
    manifest = order.request.manifest
    return {
        COMPONENT_LABEL: JOB,
        PLATFORM_LABEL: platform,
        JOB_NAME_LABEL: manifest.name,
        JOB_VERSION_LABEL: manifest.version,
        DIGEST_LABEL: digest,
    }


def make_jobtype_labels(platform: str, digest: str) -> dict[str, str]:
    """Return what marks an image as ours, and as a part of a job type."""
    return {COMPONENT_LABEL: JOBTYPE, PLATFORM_LABEL: platform, DIGEST_LABEL: digest}
