"""The endpoints of `auxiliary_endpoints_v2`: FastAPI serves them, within the limits and metrics of the job."""

import asyncio
import importlib
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from racetrack_job_wrapper.call_runner import (
    CallRunner,
    QueueFull,
    respond_to_error,
    respond_to_full_queue,
)
from racetrack_job_wrapper.endpoint_config import API, EndpointConfig
from racetrack_job_wrapper.log.logger import logger
from racetrack_job_wrapper.metrics import JobMetrics
from racetrack_job_wrapper.responses import Response
from racetrack_job_wrapper.webview import AsgiApp

METHODS = ("GET", "POST")
Handle = Callable[[Any], Awaitable[Any]]


class FastApiNotInstalled(Exception):
    """A job has native endpoints, but its environment has no FastAPI."""


@dataclass(frozen=True)
class NativeEndpoints:
    """The endpoints of a job that FastAPI serves."""

    app: AsgiApp
    routes: Sequence[tuple[str, re.Pattern[str]]]
    """The method and the path pattern of each endpoint."""
    describe: Callable[[], dict[str, Any]]
    """A function that returns the OpenAPI description of the endpoints."""

    def list_methods(self, path: str) -> set[str]:
        """Return the methods of a path, with or without a slash at its end."""
        return {
            method
            for method, pattern in self.routes
            if pattern.match(path) or pattern.match(path.rstrip("/"))
        }

    def respond(self, scope: dict[str, Any], path: str) -> Response | None:
        """Return the response of the endpoint; None when no endpoint has this path and method."""
        if scope["method"] not in self.list_methods(path):
            return None
        found = any(pattern.match(path) for _, pattern in self.routes)
        moved = path if found else path.rstrip("/")

        async def serve(scope: dict[str, Any], receive: Any, send: Any) -> None:
            inner = {**scope, "path": moved, "raw_path": moved.encode(), "root_path": ""}
            await self.app(inner, receive, send)

        return Response(b"", app=serve)


def mount_native_endpoints(
    configs: Sequence[EndpointConfig], runner: CallRunner, metrics: JobMetrics
) -> NativeEndpoints | None:
    """Make the app of the endpoints; return None when the job has none."""
    served = [config for config in configs if _is_served(config)]
    if not served:
        return None
    fastapi = _import_fastapi()
    app = fastapi.FastAPI(openapi_url=None, redirect_slashes=False)
    router = fastapi.APIRouter(route_class=_make_route_class(fastapi, runner, metrics))
    for config in served:
        options = {**config.other_options, "tags": ["API", *config.other_options.get("tags", ())]}
        options.setdefault("operation_id", f"auxiliary_endpoint_{config.path.replace('/', '_')}")
        path = f"{API}/{config.path.lstrip('/')}"
        router.add_api_route(path, config.handler, methods=[method_of(config)], **options)
    app.include_router(router)
    routes = [(next(iter(route.methods)), route.path_regex) for route in router.routes]
    return NativeEndpoints(app, routes, app.openapi)


def method_of(config: EndpointConfig) -> str:
    """Return the name of the HTTP method, in capitals."""
    return str(getattr(config.method, "value", config.method)).upper()


def _is_served(config: EndpointConfig) -> bool:
    if method_of(config) in METHODS:
        return True
    logger.error("endpoint %s is left out: its method must be GET or POST", config.path)
    return False


def _import_fastapi() -> Any:
    # FastAPI is large and few jobs need it, so it is imported only on demand.
    try:
        return importlib.import_module("fastapi")
    except ModuleNotFoundError as error:
        raise FastApiNotInstalled(
            "auxiliary_endpoints_v2 needs FastAPI: add `fastapi` to the job's requirements"
        ) from error


def _make_route_class(fastapi: Any, runner: CallRunner, metrics: JobMetrics) -> type:
    base = importlib.import_module("fastapi.routing").APIRoute
    invalid = importlib.import_module("fastapi.exceptions").RequestValidationError

    def get_route_handler(route: Any) -> Handle:
        handle: Handle = base.get_route_handler(route)
        endpoint = route.path.removeprefix(API)

        async def answer(request: Any) -> Any:
            began, failed = metrics.begin(endpoint), True
            try:
                async with runner.place():
                    response = await handle(request)
                failed = False
                return response
            except (invalid, asyncio.CancelledError):
                failed = False
                raise
            except QueueFull as error:
                return _translate(fastapi, respond_to_full_queue(error))
            except BaseException as error:  # noqa: BLE001 - whatever a job raises is answered
                return _translate(fastapi, respond_to_error(error))
            finally:
                metrics.end(endpoint, began, failed=failed)

        return answer

    return type("CallRoute", (base,), {"get_route_handler": get_route_handler})


def _translate(fastapi: Any, response: Response) -> Any:
    return fastapi.Response(
        response.body, response.status, response.headers, media_type=response.content_type
    )
