"""Making the image of a job that runs as a process."""

import hashlib
import hmac
import json
import platform
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from racetrack_client.log.errors import ValidationError
from racetrack_client.manifest import GitManifest, Manifest

from image_builder.image_maker import ImageMaker, ImageOrder, MadeImages
from image_builder.job_type.job_type import JobType
from image_builder.job_type.template import TemplateContext, TemplateRenderer, make_variables
from image_builder.process.entrypoint import check_entrypoint
from image_builder.process.image_store import ImageStore, ProcessImage
from image_builder.process.recipe import ProcessRecipe, render_recipe
from image_builder.process.virtual_environments import Environments, EnvironmentSpec
from image_builder.running.progress import BuildProgress
from image_builder.source.requirements import digest_requirements, is_empty
from image_builder.source.source_tree import digest_tree, resolve_inside

# What users of pip call them, and what uv calls them.
_INDEX_VARIABLES = {"PIP_INDEX_URL": "UV_DEFAULT_INDEX", "PIP_EXTRA_INDEX_URL": "UV_INDEX"}


@dataclass(frozen=True)
class ProcessImageMaker(ImageMaker):
    """Puts the source beside an environment that has what it requires."""

    environments: Environments
    images: ImageStore
    renderer: TemplateRenderer
    digest_key: bytes
    """Keeps digests of secret variables from being guessed."""

    def prepare(self, order: ImageOrder, progress: BuildProgress) -> None:
        """Check recipe and entrypoint, and warn of what a process does not get."""
        self._render(order)
        _check_files(order)
        if packages := order.request.manifest.system_dependencies:
            progress.warn(
                f"system_dependencies ({', '.join(packages)}) are not installed for jobs that run as processes; "
                "they must be on the machine already"
            )

    def make(self, order: ImageOrder, progress: BuildProgress) -> MadeImages:
        """Make the environment, then the image; either may be there already."""
        with progress.phase("building image (1/1)"):
            recipe = self._render(order)
            spec = self._specify(order, recipe)
            python = self.environments.ensure(spec, order.source.directory, progress)
            image = _describe_image(order, recipe, str(python), spec.digest)
            tag = self._find_tag(order, image)
            if tag is None:
                self.images.add(image, order.source.directory)
                tag = image.image_tag
                progress.log(f"made image {image.job_name}:{tag}")
            else:
                progress.log(f"image {image.job_name}:{tag} has the same content and is used again")
        return MadeImages(names=[f"{image.job_name}:{tag}"], tag=tag)

    def warm_up(self, job_type: JobType, progress: BuildProgress) -> None:
        """Make the environment of the job type's jobs that require nothing."""
        if job_type.process is not None:
            self.environments.ensure(
                self._specify_plain(job_type, job_type.process), self.environments.root, progress
            )

    def find_warm_python(self, job_type: JobType) -> Path | None:
        """Find the Python of the environment that `warm_up` makes; None when the job type needs none."""
        if job_type.process is None:
            return None
        return self.environments.locate(self._specify_plain(job_type, job_type.process))

    def _specify_plain(self, job_type: JobType, recipe: Mapping[str, Any]) -> EnvironmentSpec:
        context = TemplateContext(_a_plain_manifest(job_type), "", job_type.version, "")
        variables = make_variables(context)
        directory = job_type.plugin_directory
        return _specify_base(render_recipe(recipe, directory, variables, self.renderer))

    def _render(self, order: ImageOrder) -> ProcessRecipe:
        recipe = order.job_type.process
        if recipe is None:
            raise ValidationError(
                f"job type {order.job_type} can't run as a process, only as a container; "
                "choose another job type, or an infrastructure target that runs containers"
            )
        variables = make_variables(order.template_context)
        return render_recipe(recipe, order.job_type.plugin_directory, variables, self.renderer)

    def _specify(self, order: ImageOrder, recipe: ProcessRecipe) -> EnvironmentSpec:
        spec = _specify_base(recipe)
        directory = order.source.directory
        if not recipe.requirements_path or is_empty(directory, recipe.requirements_path):
            return spec
        variables = {**(order.request.manifest.build_env or {}), **order.request.secret_build_env}
        return replace(
            spec,
            requirements=resolve_inside(directory, recipe.requirements_path, "requirements_path"),
            requirements_digest=digest_requirements(directory, recipe.requirements_path),
            variables=_translate(variables),
            variables_digest=self._digest(variables) if variables else "",
            refresh=order.request.tag if order.request.no_cache else "",
        )

    def _digest(self, variables: Mapping[str, str]) -> str:
        content = json.dumps(dict(variables), sort_keys=True).encode()
        return hmac.new(self.digest_key, content, hashlib.sha256).hexdigest()

    def _find_tag(self, order: ImageOrder, image: ProcessImage) -> str | None:
        tag = self.images.find_tag(image.job_name, image.image_tag, image.content_digest)
        # Without the cache only this very build, which another process began, may be taken up.
        return tag if tag == image.image_tag or not order.request.no_cache else None


def _a_plain_manifest(job_type: JobType) -> Manifest:
    git = GitManifest(remote="https://localhost")
    return Manifest(name="warm-up", owner_email="", git=git, jobtype=str(job_type))


def _specify_base(recipe: ProcessRecipe) -> EnvironmentSpec:
    running = platform.python_version()
    is_running = f"{running}.".startswith(f"{recipe.python_version}.") or not recipe.python_version
    return EnvironmentSpec(
        python=sys.executable if is_running else recipe.python_version,
        python_version=running if is_running else recipe.python_version,
        packages=recipe.packages,
    )


def _check_files(order: ImageOrder) -> None:
    extra = order.request.manifest.get_jobtype_extra()
    if entrypoint_path := extra.get("entrypoint_path"):
        check_entrypoint(
            order.source.directory, str(entrypoint_path), str(extra.get("entrypoint_class") or "")
        )


def _describe_image(
    order: ImageOrder, recipe: ProcessRecipe, python: str, environment_digest: str
) -> ProcessImage:
    manifest = order.request.manifest
    image = ProcessImage(
        job_name=manifest.name,
        job_version=manifest.version,
        image_tag=order.request.tag,
        content_digest="",
        job_type_version=str(order.job_type),
        python=python,
        command=list(recipe.command),
        environment={
            **(manifest.build_env or {}),
            "JOB_NAME": manifest.name,
            "JOB_VERSION": manifest.version,
            "GIT_VERSION": order.source.git_version,
            "JOB_TYPE_VERSION": order.job_type.version,
        },
    )
    content = {**asdict(image), "image_tag": "", "source": digest_tree(order.source.directory)}
    digest = hashlib.sha256(json.dumps([environment_digest, content], sort_keys=True).encode())
    return replace(image, content_digest=digest.hexdigest())


def _translate(variables: Mapping[str, str]) -> dict[str, str]:
    known = {
        _INDEX_VARIABLES[name]: value
        for name, value in variables.items()
        if name in _INDEX_VARIABLES
    }
    return {**known, **variables}
