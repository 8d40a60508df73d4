"""The images of one job, and those that they stand on."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from racetrack_commons.deploy.image import get_job_image

from image_builder.docker.content import ContentDigests, make_job_labels, make_jobtype_labels
from image_builder.docker.dockerfile import JOBTYPE_CONTEXT, Dockerfile, declare_jobtype
from image_builder.docker.driver import ImageBuild
from image_builder.docker.images import Images
from image_builder.image_maker import ImageOrder
from image_builder.job_type.job_type import JobType
from image_builder.running.progress import BuildProgress

BASE = "job-base"
"""Kind of the image that older job types build first."""
FILES = "jobtype"
"""Kind of the image that holds the files of a job type's plugin."""


@dataclass(frozen=True)
class ImageSettings:
    """How images are named and built."""

    registry: str
    """Empty: images stay on the engine."""
    namespace: str
    platform: str
    """Tells the images of one platform from those of another on the same engine."""
    network: str = "default"
    timeout_seconds: float = 3600

    def name_job_image(self, order: ImageOrder, index: int) -> str:
        """Return the name of one of a job's images."""
        request = order.request
        return get_job_image(
            self.registry, self.namespace, request.manifest.name, request.tag, index
        )

    def name_jobtype_image(self, kind: str, job_type: JobType) -> str:
        """Return the name of an image that belongs to a job type."""
        parts = (self.registry, self.namespace, kind, f"{job_type.name}:{job_type.version}")
        return "/".join(part for part in parts if part)


@dataclass(frozen=True)
class Assembly:
    """Makes the images of one order, one after the other."""

    order: ImageOrder
    images: Images
    settings: ImageSettings
    digests: ContentDigests
    secrets_file: Path | None
    """Of the job: images that jobs share are built without it."""
    progress: BuildProgress

    def make_base(self, dockerfile: Dockerfile) -> None:
        """Make the image that the job type's templates call `base_image`."""
        self._make_jobtype_image(BASE, dockerfile, dockerfile.origin.parent)

    def make_image(self, index: int, dockerfile: Dockerfile) -> None:
        """Make one image of the job."""
        name = self.settings.name_job_image(self.order, index)
        digest = self.digests.of_image(str(index), dockerfile.text)
        labels = make_job_labels(self.order, self.settings.platform, digest)
        self._make(name, dockerfile, self.order.source.directory, labels, self.secrets_file)

    def _make_jobtype_image(self, kind: str, dockerfile: Dockerfile, context: Path) -> str:
        name = self.settings.name_jobtype_image(kind, self.order.job_type)
        digest = self.digests.of_jobtype(kind, dockerfile.text)
        self._make(name, dockerfile, context, make_jobtype_labels(self.settings.platform, digest))
        return name

    def _make(
        self,
        name: str,
        dockerfile: Dockerfile,
        context: Path,
        labels: Mapping[str, str],
        secrets_file: Path | None = None,
    ) -> None:
        contexts: dict[str, Path] = {}
        if dockerfile.uses_jobtype and self.images.driver.has_named_contexts:
            contexts = {JOBTYPE_CONTEXT: self.order.job_type.plugin_directory}
        elif dockerfile.uses_jobtype:
            dockerfile = declare_jobtype(dockerfile, self._make_files())
        written = dockerfile.write(self.order.workspace / f"dockerfile-{secrets.token_hex(4)}")
        build = ImageBuild(
            name=name,
            dockerfile=written,
            context=context,
            labels=labels,
            named_contexts=contexts,
            secrets_file=secrets_file,
            no_cache=self.order.request.no_cache,
            network=self.settings.network,
            timeout_seconds=self.settings.timeout_seconds,
        )
        self.images.ensure(build, self.progress)

    def _make_files(self) -> str:
        """Make an image of the job type's files, for builds that can't have them as a context."""
        directory = self.order.job_type.plugin_directory
        dockerfile = Dockerfile("FROM scratch\nCOPY . /\n", directory / "jobtype.Dockerfile")
        return self._make_jobtype_image(FILES, dockerfile, directory)
