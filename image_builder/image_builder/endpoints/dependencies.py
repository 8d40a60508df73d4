"""The objects that routes use, and the check of their callers."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request
from pydantic import SecretStr
from racetrack_client.log.errors import UnauthorizedError
from racetrack_commons.api.guard_first import GuardFirstRoute
from racetrack_commons.auth.token import (
    AuthSubjectType,
    AuthTokenPayload,
    decode_token,
    find_auth_token,
)
from racetrack_commons.entities.dto import JobImage

from image_builder.pipeline.builds import Builds


@dataclass(frozen=True)
class ImageBuilderServices:
    """The objects that the app keeps for its routes."""

    builds: Builds
    prune: Callable[[Collection[JobImage]], list[str]]
    """Called with the needed images; removes the others that were not needed recently, and returns their names."""
    auth_key: SecretStr
    heartbeat_seconds: float


def get_services(request: Request) -> ImageBuilderServices:
    """Return the objects that the app was created with."""
    services: ImageBuilderServices = request.app.state.services
    return services


ServicesDep = Annotated[ImageBuilderServices, Depends(get_services)]


def get_builds(services: ServicesDep) -> Builds:
    """Return the builds of this service."""
    return services.builds


BuildsDep = Annotated[Builds, Depends(get_builds)]


def require_internal_caller(request: Request, services: ServicesDep) -> AuthTokenPayload:
    """Return the token of the caller; raises UnauthorizedError unless the caller is a service of the platform.

    Builds run the code that they are given, so users may only reach them through Lifecycle.
    """
    token = find_auth_token(request.headers)
    if not token:
        raise UnauthorizedError(
            "the Image Builder needs the token of a service in X-Racetrack-Auth"
        )
    payload = decode_token(token, services.auth_key.get_secret_value())
    if payload.subject_type != AuthSubjectType.INTERNAL or not payload.allows(None):
        raise UnauthorizedError("only services of the platform may build; deploy through Lifecycle")
    return payload


InternalCaller = Annotated[AuthTokenPayload, Depends(require_internal_caller)]


class InternalRoute(GuardFirstRoute):
    """A route for services of the platform, which reads a body only if one of them sent it."""

    @classmethod
    def is_guard(cls, dependency: Callable[..., Any]) -> bool:
        """Return whether the dependency checks the caller."""
        return dependency is require_internal_caller
