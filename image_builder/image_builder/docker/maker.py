"""Making the images of a job that runs as containers."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from racetrack_client.log.errors import ValidationError

from image_builder.docker.assembly import BASE, Assembly, ImageSettings
from image_builder.docker.content import digest_contents
from image_builder.docker.dockerfile import Dockerfile, load_dockerfile
from image_builder.docker.driver import BuildDriver, choose_driver
from image_builder.docker.engine import DockerEngine
from image_builder.docker.images import Images
from image_builder.docker.push import RegistryPusher
from image_builder.docker.secrets import check_secret_names, secrets_file
from image_builder.image_maker import ImageMaker, ImageOrder, MadeImages
from image_builder.job_type.job_type import ImageTemplate
from image_builder.job_type.template import TemplateRenderer, make_variables
from image_builder.running.progress import BuildProgress

_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*")


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
