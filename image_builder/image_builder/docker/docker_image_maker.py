"""Making the Docker images of a job, and the images of its job type that they are based on."""

import re
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from racetrack_client.log.errors import ValidationError
from racetrack_commons.deploy.image import ImageRegistry
from racetrack_commons.plugin.job_type_definition import ImageDefinition
from racetrack_commons.plugin.job_types import JobType

from image_builder.docker.build_drivers import BuildDriver, ImageBuild
from image_builder.docker.build_secrets import check_secret_names, secrets_file
from image_builder.docker.dockerfile import (
    JOBTYPE_CONTEXT,
    Dockerfile,
    declare_jobtype,
    load_dockerfile,
)
from image_builder.docker.image_content import (
    ContentDigests,
    DockerImages,
    digest_contents,
    make_job_labels,
    make_jobtype_labels,
)
from image_builder.docker.push import RegistryPusher
from image_builder.image_maker import BuildInputs, ImageMaker, MadeImages
from image_builder.job_type.template import TemplateRenderer, make_template_variables
from image_builder.running.progress import BuildProgress
from image_builder.source.requirements import list_moving
from image_builder.source.resolved_packages import tell_packages

BASE = "job-base"
"""The kind of image that older job types build first, as a base."""
FILES = "jobtype"
"""The kind of image that holds the files of a job type's plugin."""
_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*")


@dataclass(frozen=True)
class ImageSettings:
    """Settings for naming and building images."""

    registry: ImageRegistry
    platform: str
    """Distinguishes the images of one platform from those of another on the same engine."""
    network: str = "default"
    timeout_seconds: float = 3600

    def name_job_image(self, inputs: BuildInputs, index: int) -> str:
        """Return the name of one of a job's images."""
        request = inputs.request
        return self.registry.name_job_image(request.manifest.name, request.tag, index)

    def name_jobtype_image(self, kind: str, job_type: JobType) -> str:
        """Return the name of an image that belongs to a job type."""
        return self.registry.name_image(kind, f"{job_type.name}:{job_type.version}")


@dataclass(frozen=True)
class DockerBuild:
    """The build of one job's images, one after the other."""

    inputs: BuildInputs
    images: DockerImages
    settings: ImageSettings
    digests: ContentDigests
    secrets_file: Path | None
    """The secrets of the job; images that several jobs share are built without them."""
    progress: BuildProgress

    def make_base(self, dockerfile: Dockerfile) -> None:
        """Make the image that the job type's templates refer to as `base_image`."""
        self._make_jobtype_image(BASE, dockerfile, dockerfile.origin.parent)

    def make_image(self, index: int, dockerfile: Dockerfile) -> None:
        """Make one image of the job."""
        name = self.settings.name_job_image(self.inputs, index)
        digest = self.digests.of_image(str(index), dockerfile.text)
        labels = make_job_labels(self.inputs, self.settings.platform, digest)
        self._make(name, dockerfile, self.inputs.source.directory, labels, self.secrets_file)

    def tell_packages(self, index: int, began_at: float) -> None:
        """Log which packages one image of the job holds, for a build that began at that time."""
        name = self.settings.name_job_image(self.inputs, index)
        if packages := self.images.find_packages(name, began_at):
            path = self.inputs.request.manifest.get_jobtype_extra().get("requirements_path")
            moving = list_moving(self.inputs.source.directory, str(path)) if path else []
            tell_packages(packages, moving, self.progress)

    def _make_jobtype_image(self, kind: str, dockerfile: Dockerfile, context: Path) -> str:
        name = self.settings.name_jobtype_image(kind, self.inputs.job_type)
        digest = self.digests.of_jobtype(kind, dockerfile.text)
        labels = make_jobtype_labels(self.inputs, self.settings.platform, digest)
        self._make(name, dockerfile, context, labels)
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
            contexts = {JOBTYPE_CONTEXT: self.inputs.job_type.plugin_dir}
        elif dockerfile.uses_jobtype:
            dockerfile = declare_jobtype(dockerfile, self._make_files())
        written = dockerfile.write(self.inputs.workspace / f"dockerfile-{secrets.token_hex(4)}")
        build = ImageBuild(
            name=name,
            dockerfile=written,
            context=context,
            labels=labels,
            named_contexts=contexts,
            secrets_file=secrets_file,
            no_cache=self.inputs.request.resolves_again,
            network=self.settings.network,
            timeout_seconds=self.settings.timeout_seconds,
        )
        self.images.build_or_reuse(build, self.progress)

    def _make_files(self) -> str:
        """Make an image of the job type's files for builds without named contexts; return its name."""
        directory = self.inputs.job_type.plugin_dir
        dockerfile = Dockerfile("FROM scratch\nCOPY . /\n", directory / "jobtype.Dockerfile")
        return self._make_jobtype_image(FILES, dockerfile, directory)


@dataclass(frozen=True)
class DockerImageMaker(ImageMaker):
    """Builds the Dockerfiles of a job type, and pushes the images when a registry is set."""

    images: DockerImages
    settings: ImageSettings
    renderer: TemplateRenderer
    digest_key: bytes
    """Signs the digests of secret variables, so that values can't be guessed from them."""
    pusher: RegistryPusher | None = None
    """None where images are not pushed, or are pushed when they are built."""

    def prepare(self, inputs: BuildInputs, progress: BuildProgress) -> None:
        """Check names, secrets and Dockerfiles, and wait for the engine."""
        name = inputs.request.manifest.name
        if not _REPOSITORY.fullmatch(name):
            raise ValidationError(
                f"the job name {name!r} can't be that of an image; use a-z, 0-9 and '-'"
            )
        check_secret_names(inputs.request.secret_build_env)
        self._load_dockerfiles(inputs)
        self.images.wait(progress.cancellation)
        _check_secrets(inputs, self.images.driver)
        progress.log(f"building by {self.images.driver.name}")

    def make(self, inputs: BuildInputs, progress: BuildProgress) -> MadeImages:
        """Build all images, then push them; existing images with the same content are reused."""
        names = [
            self.settings.name_job_image(inputs, i) for i in range(len(inputs.job_type.images))
        ]
        with secrets_file(inputs.workspace, inputs.request.secret_build_env) as file:
            digests = digest_contents(inputs, self.digest_key)
            docker_build = DockerBuild(inputs, self.images, self.settings, digests, file, progress)
            self._build(docker_build)
        if self.pusher is not None:
            for number, name in enumerate(names, start=1):
                with progress.phase(f"pushing image ({number}/{len(names)})"):
                    self.pusher.push(name, progress)
        return MadeImages(names=names, tag=inputs.request.tag)

    def _build(self, docker_build: DockerBuild) -> None:
        base, dockerfiles = self._load_dockerfiles(docker_build.inputs)
        began_at = time.time()
        for index, dockerfile in enumerate(dockerfiles):
            with docker_build.progress.phase(f"building image ({index + 1}/{len(dockerfiles)})"):
                if base is not None and index == 0:
                    docker_build.make_base(base)
                docker_build.make_image(index, dockerfile)
                docker_build.tell_packages(index, began_at)

    def _load_dockerfiles(
        self, inputs: BuildInputs
    ) -> tuple[Dockerfile | None, Sequence[Dockerfile]]:
        variables = make_template_variables(inputs.template_context)
        base = None
        if base_path := inputs.job_type.definition.base_dockerfile_path:
            template = ImageDefinition(dockerfile_path=base_path)
            base = load_dockerfile(inputs, template, variables, self.renderer)
            variables["base_image"] = self.settings.name_jobtype_image(BASE, inputs.job_type)
        images = inputs.job_type.images
        return base, [load_dockerfile(inputs, each, variables, self.renderer) for each in images]


def _check_secrets(inputs: BuildInputs, driver: BuildDriver) -> None:
    if inputs.request.secret_build_env and not driver.has_secrets:
        raise ValidationError(
            f"secret build variables can't be used by {driver.name}: they would stay in the image; "
            "install the buildx plugin of Docker for the Image Builder"
        )
