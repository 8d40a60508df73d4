"""Making the image of a job that runs as a process: its source, beside an environment with its requirements."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from racetrack_client.entities import ProcessImage
from racetrack_client.log.errors import ValidationError
from racetrack_client.manifest import GitManifest, Manifest
from racetrack_commons.plugin.job_type_definition import ProcessRecipe
from racetrack_commons.plugin.job_types import JobType

from image_builder.image_maker import BuildInputs, ImageMaker, MadeImages
from image_builder.job_type.template import (
    TemplateContext,
    TemplateRenderer,
    make_template_variables,
)
from image_builder.process.environment_spec import EnvironmentSpec, MadeEnvironment, get_python
from image_builder.process.image_store import ImageStore
from image_builder.process.recipe import (
    render_recipe,
    specify_job_environment,
    specify_shared_environment,
)
from image_builder.process.virtual_environments import Environments
from image_builder.running.progress import BuildProgress
from image_builder.source.requirements import get_name, list_moving
from image_builder.source.resolved_packages import tell_packages
from image_builder.source.source_tree import digest_tree


@dataclass(frozen=True)
class ProcessImageMaker(ImageMaker):
    """Makes images of processes; environments and images of earlier builds with the same content are used again."""

    environments: Environments
    images: ImageStore
    renderer: TemplateRenderer
    digest_key: bytes
    """Signs the digests of secret variables, so that values can't be guessed from them."""

    def prepare(self, inputs: BuildInputs, progress: BuildProgress) -> None:
        """Check the recipe, and warn about parts of the manifest that have no effect on a process."""
        self._render(inputs)
        if packages := inputs.request.manifest.system_dependencies:
            progress.warn(
                f"system_dependencies ({', '.join(packages)}) are not installed for jobs that run as processes; "
                "they must be on the machine already"
            )

    def make(self, inputs: BuildInputs, progress: BuildProgress) -> MadeImages:
        """Make the environment, then the image, unless they exist."""
        with progress.phase("building image (1/1)"):
            recipe = self._render(inputs)
            spec = specify_job_environment(inputs, recipe, self.digest_key)
            environment = self.environments.make_or_reuse(spec, inputs.source.directory, progress)
            _tell_packages(inputs, spec, environment, progress)
            image = _describe_image(inputs, recipe, environment)
            tag = self._find_tag(inputs, image)
            if tag is None:
                self.images.add(image, inputs.source.directory)
                tag = image.image_tag
                progress.log(f"made image {image.job_name}:{tag}")
            else:
                progress.log(f"image {image.job_name}:{tag} has the same content and is used again")
        return MadeImages(names=[f"{image.job_name}:{tag}"], tag=tag)

    def warm_up(self, job_type: JobType, progress: BuildProgress) -> None:
        """Make the environment that the job type's jobs without requirements share."""
        if job_type.process is not None:
            spec = self._specify_shared(job_type, job_type.process)
            self.environments.make_or_reuse(spec, self.environments.root, progress)

    def find_warm_python(self, job_type: JobType) -> Path | None:
        """Return the path of the Python in the environment that `warm_up` makes; None for job types without one."""
        if job_type.process is None:
            return None
        return self.environments.locate(self._specify_shared(job_type, job_type.process))

    def _specify_shared(self, job_type: JobType, recipe: ProcessRecipe) -> EnvironmentSpec:
        context = TemplateContext(_a_plain_manifest(job_type), "", job_type.version, "")
        variables = make_template_variables(context)
        rendered = render_recipe(recipe, job_type.plugin_dir, variables, self.renderer)
        return specify_shared_environment(rendered)

    def _render(self, inputs: BuildInputs) -> ProcessRecipe:
        recipe = inputs.job_type.process
        if recipe is None:
            raise ValidationError(
                f"job type {inputs.job_type} can't run as a process, only as a container; "
                "choose another job type, or an infrastructure target that runs containers"
            )
        variables = make_template_variables(inputs.template_context)
        return render_recipe(recipe, inputs.job_type.plugin_dir, variables, self.renderer)

    def _find_tag(self, inputs: BuildInputs, image: ProcessImage) -> str | None:
        tag = self.images.find_tag(image.job_name, image.image_tag, image.content_digest)
        # Without the cache, only an image of this very build is used again, which another process may have begun.
        return tag if tag == image.image_tag or not inputs.request.no_cache else None


def _a_plain_manifest(job_type: JobType) -> Manifest:
    git = GitManifest(remote="https://localhost")
    return Manifest(name="warm-up", owner_email="", git=git, jobtype=str(job_type))


def _tell_packages(
    inputs: BuildInputs,
    spec: EnvironmentSpec,
    environment: MadeEnvironment,
    progress: BuildProgress,
) -> None:
    if spec.requirements is None and not spec.added:
        return
    moving = list(map(get_name, spec.added))
    if spec.requirements is not None:
        root = inputs.source.directory.resolve()
        moving += list_moving(root, str(spec.requirements.relative_to(root)))
    tell_packages(environment.packages, moving, progress)


def _describe_image(
    inputs: BuildInputs, recipe: ProcessRecipe, environment: MadeEnvironment
) -> ProcessImage:
    manifest = inputs.request.manifest
    image = ProcessImage(
        job_name=manifest.name,
        job_version=manifest.version,
        image_tag=inputs.request.tag,
        content_digest="",
        job_type_version=str(inputs.job_type),
        python=str(get_python(environment.directory)),
        command=list(recipe.command),
        environment={
            **(manifest.build_env or {}),
            "JOB_NAME": manifest.name,
            "JOB_VERSION": manifest.version,
            "GIT_VERSION": inputs.source.git_version,
            "JOB_TYPE_VERSION": inputs.job_type.version,
        },
    )
    content = {
        **image.model_dump(),
        "image_tag": "",
        "source": digest_tree(inputs.source.directory),
    }
    digest = hashlib.sha256(
        json.dumps([environment.directory.name, content], sort_keys=True).encode()
    )
    return image.model_copy(update={"content_digest": digest.hexdigest()})
