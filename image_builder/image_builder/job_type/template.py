"""Rendering the templates of job types.

Templates come with plugins and, for some job types, with the untrusted source of a job, so Jinja's sandbox renders them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment
from racetrack_client.log.errors import ValidationError
from racetrack_client.manifest import Manifest
from racetrack_commons.deploy.resource import job_resource_name


class TemplateNotRendered(ValidationError):
    """A template can't be rendered; the message names the place."""


@dataclass(frozen=True)
class TemplateContext:
    """The values that templates of one build may use."""

    manifest: Manifest
    git_version: str
    job_type_version: str
    """The version without the job type's name."""
    racetrack_version: str
    requirements_files: Sequence[str] = ()
    """Paths of the job's files that the installation of its requirements reads; `.` stands for all files."""
    imported_modules: Sequence[str] = ()
    """Modules that the job's code imports and that are not its own, by the first part of their names."""


def make_template_variables(context: TemplateContext) -> dict[str, Any]:
    """Return the variables of templates. Plugins use them, so their names are frozen."""
    manifest = context.manifest
    return {
        "manifest": manifest,
        "manifest_jobtype_extra": manifest.get_jobtype_extra(),
        "env_vars": manifest.build_env or {},
        "git_version": context.git_version,
        "deployed_by_racetrack_version": context.racetrack_version or "latest",
        "job_type_version": context.job_type_version,
        "resource_name": job_resource_name(manifest.name, manifest.version),
        "base_image": "",
        "requirements_files": list(context.requirements_files),
        "imported_modules": list(context.imported_modules),
    }


class TemplateRenderer:
    """Renders templates; unknown variables render as empty texts."""

    def __init__(self) -> None:
        # The texts are Dockerfiles and arguments, not web pages, so nothing is escaped.
        self._jinja = ImmutableSandboxedEnvironment(autoescape=False)

    def render(self, template: str, variables: Mapping[str, Any], what: str) -> str:
        """Return the rendered text; raises TemplateNotRendered, whose message names the template as `what`."""
        try:
            return self._jinja.from_string(template).render(variables)
        except jinja2.TemplateSyntaxError as error:
            raise TemplateNotRendered(
                f"{what} is not a valid template: line {error.lineno}: {error}"
            ) from error
        except (
            jinja2.TemplateError,
            ArithmeticError,
            LookupError,
            TypeError,
            ValueError,
        ) as error:
            raise TemplateNotRendered(f"{what} can't be rendered: {error}") from error
