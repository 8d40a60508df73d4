"""The job types that all plugins offer together, and the choice of one for a job."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from racetrack_client.entities import ImageKind
from racetrack_client.log.errors import ValidationError
from racetrack_client.log.logs import get_logger
from racetrack_client.utils.semver import SemanticVersionPattern, find_latest

from racetrack_commons.plugin.core import PluginCore
from racetrack_commons.plugin.engine import PluginEngine
from racetrack_commons.plugin.job_type_definition import (
    ImageDefinition,
    JobTypeDefinition,
    ProcessRecipe,
    parse_definition,
)
from racetrack_commons.plugin.plugin_data import PluginData

logger = get_logger(__name__)


class JobTypeNotSupported(ValidationError):
    """No plugin offers the job type that a manifest asks for, at least not for this kind of target."""


@dataclass(frozen=True)
class JobType:
    """One version of a job type, and the plugin that offers it."""

    name: str
    version: str
    plugin: PluginData
    definition: JobTypeDefinition

    @property
    def images(self) -> Sequence[ImageDefinition]:
        """The images, one for each container; empty for a job type that only runs as a process."""
        return self.definition.images

    @property
    def process(self) -> ProcessRecipe | None:
        """The recipe for running as a process; None for a job type that only runs as containers."""
        return self.definition.process

    @property
    def plugin_dir(self) -> Path:
        """The plugin's directory, which the paths of the definition are relative to."""
        return self.plugin.plugin_dir

    def can_run_as(self, kind: ImageKind) -> bool:
        """Return whether jobs can run on a kind of target: `docker` needs images, `process` a recipe."""
        return self.process is not None if kind == ImageKind.PROCESS else bool(self.images)

    def __str__(self) -> str:
        return f"{self.name}:{self.version}"


_NEXT_STEP = {
    ImageKind.PROCESS: (
        ": choose a target that runs containers by infrastructure_target in job.yaml; a platform that has none gets it"
        " by `make compose-up`, or by BUILT_IN_TARGETS=process,docker beside a Docker engine"
    ),
}
"""The next step for a job type that can't run as that kind."""


@dataclass(frozen=True)
class JobTypes:
    """The available job types, by `name:version`."""

    by_key: Mapping[str, JobType] = field(default_factory=dict)
    malformed: Mapping[str, str] = field(default_factory=dict)
    """The job types that can't be used: what is wrong with each, by `name:version`."""

    def resolve(self, requested: str, kind: ImageKind) -> JobType:
        """Return the highest version that matches the request and can run as `kind`.

        A requested version is exact, `latest`, or a pattern such as `1.2.*`. Versions with a label match too.
        Raises JobTypeNotSupported when no job type matches; the message lists the available ones.
        """
        name, colon, version = requested.partition(":")
        if not (name and colon and version):
            raise JobTypeNotSupported(
                f"jobtype {requested!r} must name a type and its version, for example python3:latest"
            )
        fitting = [each for each in self.by_key.values() if each.name == name]
        found = _find_version([each for each in fitting if each.can_run_as(kind)], version)
        if found is None:
            raise JobTypeNotSupported(
                self._explain(requested, kind, _find_version(fitting, version))
            )
        return found

    def _explain(self, requested: str, kind: ImageKind, elsewhere: JobType | None) -> str:
        wanted = f"job type {requested} is not available for {kind} targets"
        if requested in self.malformed:
            wanted += f", for its definition is wrong: {self.malformed[requested]}"
        elif elsewhere is not None:
            wanted += f", only for others{_NEXT_STEP.get(kind, '')}"
        able = [each for each in self.by_key.values() if each.can_run_as(kind)]
        if not able:
            return f"{wanted}; no plugin offers one: an admin may install a plugin with job types"
        meant = _suggest_name(requested.partition(":")[0], {each.name for each in able})
        return f"{wanted}; {meant}there are: {', '.join(sorted(map(str, able)))}"


def _suggest_name(name: str, known: set[str]) -> str:
    """Return a hint for a name that is like a known one, such as `python`, whose version is that of Python."""
    close = [] if name in known else difflib.get_close_matches(name, known, n=1)
    if not close:
        return ""
    hint = f"did you mean {close[0]}:latest? "
    if name == "python":
        hint += "Python's own version is jobtype_extra.python_version; "
    return hint


def gather_job_types(engine: PluginEngine) -> JobTypes:
    """Return the job types of all plugins; malformed ones are listed apart, and logged."""
    by_key: dict[str, JobType] = {}
    malformed: dict[str, str] = {}
    for plugin, offered in engine.invoke_hook_isolated(PluginCore.job_types):
        if not isinstance(offered, Mapping | None):
            logger.error(f"job_types() of plugin {plugin} returned {type(offered).__name__}")
            continue
        for key, definition in (offered or {}).items():
            try:
                by_key[str(key)] = _make_job_type(str(key), definition, plugin)
            except ValidationError as e:
                logger.error(f"job type {key} of plugin {plugin} is malformed: {e}")
                malformed[str(key)] = str(e)
    return JobTypes(by_key, malformed)


def resolve_job_type(engine: PluginEngine, requested: str, kind: ImageKind) -> JobType:
    """Return the job type for a request such as `python3:latest`; raises JobTypeNotSupported when there is none.

    `kind` is `docker` or `process`.
    """
    return gather_job_types(engine).resolve(requested, kind)


def _make_job_type(key: str, definition: object, plugin: PluginData) -> JobType:
    name, _, version = key.partition(":")
    if not name or not version or ":" in version:
        raise ValidationError(f"its key {key!r} must be name:version")
    return JobType(name, version, plugin, parse_definition(definition))


def _find_version(candidates: Sequence[JobType], version: str) -> JobType | None:
    if version == "latest":
        return find_latest(candidates, _version_of, only_stable=False)
    if SemanticVersionPattern.is_asterisk_pattern(version):
        pattern = SemanticVersionPattern.from_asterisk_pattern(version)
        return find_latest(candidates, _version_of, pattern=pattern, only_stable=False)
    return next((each for each in candidates if each.version == version), None)


def _version_of(job_type: JobType) -> str:
    return job_type.version
