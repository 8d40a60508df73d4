"""The factory of every service's ASGI app."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from prometheus_client import CollectorRegistry
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from racetrack_commons.api.asgi_layers import (
    AccessLogMiddleware,
    BasePathMiddleware,
    OpenCors,
    QuietPaths,
)
from racetrack_commons.api.errors import (
    STATUSES,
    ErrorMiddleware,
    answer_http_error,
    answer_invalid_request,
)
from racetrack_commons.api.metrics import CommonsMetrics, create_registry, metrics_router
from racetrack_commons.api.openapi import ApiApp, add_docs
from racetrack_commons.api.probes import PROBE_PATHS, Probes, probes_router
from racetrack_commons.api.turns import StrangersTakeTurns, Turns

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


@dataclass(frozen=True)
class ApiOptions:
    """Options that most services leave at their defaults."""

    version: str = "1.0.0"
    """The version of the API, shown in its OpenAPI document."""
    description: str = ""
    """The introduction of its OpenAPI document, as Markdown."""
    groups: Mapping[str, str] = field(default_factory=dict)
    """The descriptions of the tags of its routes, in the order in which they are shown."""
    error_statuses: Mapping[type[Exception], int] = field(default_factory=dict)
    """The statuses of the service's own errors, whose texts callers may see."""
    max_body_bytes: int = 1024**2
    """The largest body of a request, if its route sets no other limit; a larger one is refused with 413."""
    paths_without_cors: tuple[str, ...] = ()
    """Paths with all that is below them that pages of other origins may not read."""
    is_known: Callable[[Headers], bool] | None = None
    """Tells by its headers whether a request is of a known caller; those of others begin in turns. None: no request waits."""
    turns: Turns = field(default_factory=Turns)
    """The turns of requests that are not of known callers."""
    quiet_paths: frozenset[str] = frozenset()
    """Paths that are called all the time: like probes, they are logged only when the answer is not 200."""
    has_docs: bool = True
    """True if the documentation of the API is at the root; False if the root has pages for people."""
    quiet_prefixes: tuple[str, ...] = ()
    """The same for all paths that begin with one of these texts, also when the client has the file already (304)."""


def create_api_app(
    *,
    title: str,
    base_path: str = "",
    probes: Probes | None = None,
    registry: CollectorRegistry | None = None,
    lifespan: Lifespan | None = None,
    options: ApiOptions | None = None,
) -> FastAPI:
    """Return an app with errors, probes, metrics, docs, CORS and access log; the service adds its routers at the root.

    Each route also answers under `base_path` (`/lifecycle`). `/metrics` shows the metrics in `registry`, to which
    the service adds its own; without one a new registry is created.
    """
    options = options or ApiOptions()
    registry = registry or create_registry()
    statuses = {**STATUSES, **options.error_statuses}
    metrics = CommonsMetrics.create(registry)
    app = ApiApp(
        title=title,
        version=options.version,
        description=options.description,
        openapi_tags=[{"name": name, "description": text} for name, text in options.groups.items()],
        servers=_servers(base_path),
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        root_path_in_servers=False,
        # Older clients post JSON without naming its type.
        strict_content_type=False,
        max_body_size=options.max_body_bytes,
        lifespan=lifespan,
        middleware=[
            *_outer_middleware(base_path.rstrip("/"), options),
            Middleware(
                AccessLogMiddleware,
                metrics=metrics,
                base_path=base_path.rstrip("/"),
                quiet=QuietPaths(PROBE_PATHS | options.quiet_paths, options.quiet_prefixes),
            ),
            *_inner_middleware(
                base_path.rstrip("/"),
                options,
                Middleware(ErrorMiddleware, metrics=metrics, statuses=statuses),
            ),
        ],
        exception_handlers={
            RequestValidationError: answer_invalid_request,
            HTTPException: answer_http_error,
        },
    )
    app.error_statuses = sorted(set(statuses.values()))
    app.include_router(probes_router(probes or Probes(title.lower())))
    app.include_router(metrics_router(registry))
    if options.has_docs:
        add_docs(app)
    return app


def _outer_middleware(base_path: str, options: ApiOptions) -> list[Middleware]:
    if options.is_known is None:
        return []
    known, turns = options.is_known, options.turns
    return [Middleware(StrangersTakeTurns, base_path=base_path, is_known=known, turns=turns)]


def _inner_middleware(base_path: str, options: ApiOptions, errors: Middleware) -> list[Middleware]:
    """Return the layers, the outermost first: faults are answered inside CORS, so that browsers can read them."""
    layers = [
        Middleware(OpenCors, base_path=base_path, closed=options.paths_without_cors),
        errors,
    ]
    if base_path:
        layers.append(Middleware(BasePathMiddleware, base_path=base_path))
    return layers


def _servers(base_path: str) -> list[dict[str, Any]]:
    root = {"url": "/", "description": "Direct access to the service"}
    if not base_path:
        return [root]
    return [{"url": base_path, "description": "Access through the platform's address"}, root]
