"""The images of one job, and those that they stand on."""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from racetrack_client.log.errors import ValidationError
from racetrack_commons.deploy.image import get_job_image

from image_builder.docker.build_drivers import (
    BuildDriver,
    ImageBuild,
    check_secret_names,
    choose_driver,
    secrets_file,
)
from image_builder.docker.docker_cli import DockerEngine
from image_builder.docker.dockerfile import (
    JOBTYPE_CONTEXT,
    Dockerfile,
    declare_jobtype,
    load_dockerfile,
)
from image_builder.docker.image_content import (
    ContentDigests,
    Images,
    digest_contents,
    make_job_labels,
    make_jobtype_labels,
)
from image_builder.docker.push import RegistryPusher
from image_builder.image_maker import ImageMaker, ImageOrder, MadeImages
from image_builder.job_type.job_type import ImageTemplate, JobType
from image_builder.job_type.template import TemplateRenderer, make_variables
from image_builder.running.progress import BuildProgress

BASE = "job-base"
"""Kind of the image that older job types build first."""

FILES = "jobtype"
"""Kind of the image that holds the files of a job type's plugin."""

_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*")


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


@dataclass(frozen=True)
class DockerImageMaker(ImageMaker):
    """Builds the Dockerfiles of a job type, and pushes their images when there is a registry."""

    engine: DockerEngine
    settings: ImageSettings
    renderer: TemplateRenderer
    digest_key: bytes
    """Keeps digests of secret variables from being guessed."""
    pusher: RegistryPusher | None = None
    wait_seconds: float = 30
    """How long to wait for an engine that does not answer."""

    @cached_property
    def _driver(self) -> BuildDriver:
        return choose_driver(self.engine)

    def prepare(self, order: ImageOrder, progress: BuildProgress) -> None:
        """Check names, secrets and Dockerfiles, and wait for the engine."""
        name = order.request.manifest.name
        if not _REPOSITORY.fullmatch(name):
            raise ValidationError(
                f"the job name {name!r} can't be that of an image; use a-z, 0-9 and '-'"
            )
        check_secret_names(order.request.secret_build_env)
        self._load_dockerfiles(order)
        self.engine.wait(self.wait_seconds, progress.cancellation)
        _check_secrets(order, self._driver)
        progress.log(f"building by {self._driver.name}")

    def make(self, order: ImageOrder, progress: BuildProgress) -> MadeImages:
        """Build all images, then push them; those of the same content are used again."""
        names = [self.settings.name_job_image(order, i) for i in range(len(order.job_type.images))]
        with secrets_file(order.workspace, order.request.secret_build_env) as file:
            images = Images(self._driver, self.wait_seconds)
            digests = digest_contents(order, self.digest_key)
            assembly = Assembly(order, images, self.settings, digests, file, progress)
            self._build(assembly)
        if self.pusher is not None:
            for number, name in enumerate(names, start=1):
                with progress.phase(f"pushing image ({number}/{len(names)})"):
                    self.pusher.push(name, progress)
        return MadeImages(names=names, tag=order.request.tag)

    def _build(self, assembly: Assembly) -> None:
        base, dockerfiles = self._load_dockerfiles(assembly.order)
        for index, dockerfile in enumerate(dockerfiles):
            with assembly.progress.phase(f"building image ({index + 1}/{len(dockerfiles)})"):
                if base is not None and index == 0:
                    assembly.make_base(base)
                assembly.make_image(index, dockerfile)

    def _load_dockerfiles(
        self, order: ImageOrder
    ) -> tuple[Dockerfile | None, Sequence[Dockerfile]]:
        variables = make_variables(order.template_context)
        base = None
        if base_path := order.job_type.base_dockerfile_path:
            template = ImageTemplate(base_path, is_in_job=False, is_template=True)
            base = load_dockerfile(order, template, variables, self.renderer)
            variables["base_image"] = self.settings.name_jobtype_image(BASE, order.job_type)
        images = order.job_type.images
        return base, [load_dockerfile(order, each, variables, self.renderer) for each in images]


def _check_secrets(order: ImageOrder, driver: BuildDriver) -> None:
    if order.request.secret_build_env and not driver.has_secrets:
        raise ValidationError(
            f"secret build variables can't be used by {driver.name}: they would stay in the image; "
            "install the buildx plugin of Docker for the Image Builder"
        )
