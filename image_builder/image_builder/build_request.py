"""A request for a build, parsed and checked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import pydantic
from racetrack_client.entities import BuildFlag, Credentials, ImageKind
from racetrack_client.log.errors import ValidationError
from racetrack_client.manifest import Manifest
from racetrack_commons.entities.dto import BuildPayload

_PATH_COMPONENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")


@dataclass(frozen=True)
class BuildRequest:
    """A request for a build whose values are checked."""

    manifest: Manifest
    tag: str
    deployment_id: str
    image_kind: ImageKind
    git_credentials: Credentials | None = None
    secret_build_env: Mapping[str, str] = field(default_factory=dict)
    build_context: str | None = field(default=None, repr=False)
    no_cache: bool = False
    upgrades: bool = False
    """True: requirements that allow several versions are resolved again."""
    job_type_version: str | None = None
    """The job type that Lifecycle resolved; None lets the builder resolve the one that the manifest names."""

    @property
    def job(self) -> str:
        """The job's name and version, as messages show them."""
        return f"{self.manifest.name} {self.manifest.version}"

    @property
    def resolves_again(self) -> bool:
        """Return whether packages and layers of earlier builds are left aside."""
        return self.no_cache or self.upgrades

    @property
    def secrets(self) -> list[str]:
        """The values that must not appear in any log or error."""
        credentials = [self.git_credentials.password] if self.git_credentials else []
        return [*credentials, *self.secret_build_env.values()]


def parse_request(payload: BuildPayload) -> BuildRequest:
    """Return the request that a caller sent; raises ValidationError, which says what is wrong with it."""
    manifest = parse_manifest_types(payload.manifest)
    _check_path_component("manifest name", manifest.name)
    _check_path_component("tag", payload.tag)
    _check_path_component("deployment_id", payload.deployment_id)
    flags = _parse_flags(payload.build_flags)
    return BuildRequest(
        manifest=manifest,
        tag=payload.tag,
        deployment_id=payload.deployment_id,
        image_kind=_parse_kind(payload.image_kind),
        git_credentials=payload.git_credentials,
        secret_build_env=payload.secret_build_env or {},
        build_context=payload.build_context,
        no_cache=BuildFlag.NO_CACHE in flags,
        upgrades=BuildFlag.UPGRADE in flags,
        job_type_version=payload.job_type_version,
    )


def parse_manifest_types(content: Mapping[str, object]) -> Manifest:
    """Return the manifest that a mapping holds; raises ValidationError when a value has a wrong type.

    Rules beyond the types were already checked by Lifecycle.
    """
    known = {key: value for key, value in content.items() if not key.startswith("origin_")}
    try:
        manifest = Manifest.model_validate(known)
    except pydantic.ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
            for problem in error.errors(include_input=False, include_url=False)
        )
        raise ValidationError(f"the manifest is wrong: {problems}") from error
    manifest.set_origin(known)
    return manifest


def _check_path_component(what: str, text: str) -> None:
    # These values become names of directories and images.
    if not _PATH_COMPONENT.fullmatch(text):
        raise ValidationError(
            f"{what} {text!r} must begin with a letter or digit and hold only letters, digits, '_', '.' and '-'"
        )


def _parse_kind(text: str) -> ImageKind:
    try:
        return ImageKind(text)
    except ValueError as error:
        kinds = ", ".join(ImageKind)
        raise ValidationError(
            f"image kind {text!r} can't be built; choose one of {kinds}"
        ) from error


def _parse_flags(flags: list[str]) -> set[BuildFlag]:
    if illegal := [flag for flag in flags if flag not in set(BuildFlag)]:
        raise ValidationError(
            f"build flag {illegal[0]!r} is not allowed; allowed are {', '.join(BuildFlag)}"
        )
    return {BuildFlag(flag) for flag in flags}
