"""The endpoints of `auxiliary_endpoints_v2`: FastAPI serves them, within the limits and metrics of the job.

FastAPI and coroutine methods run on the job's loop, plain methods in the workers.
"""

import asyncio
import importlib
import inspect
import re
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from typing import Any

from racetrack_job_wrapper.asgi import AsgiApp, Receive, Scope, Send
from racetrack_job_wrapper.call_runner import CALL_KEY, CallRunner, OpenCall
from racetrack_job_wrapper.calling import (
    close_after_sending,
    respond_to_error,
    respond_to_failure,
)
from racetrack_job_wrapper.endpoint_config import API, EndpointConfig
from racetrack_job_wrapper.log.logger import logger
from racetrack_job_wrapper.plain_values import expand_arrays
from racetrack_job_wrapper.responses import Response

METHODS = ("GET", "POST")
_open_call: ContextVar[OpenCall] = ContextVar("open_call")
Handle = Callable[[Any], Awaitable[Any]]


class FastApiNotInstalled(Exception):
    """A job has native endpoints, but its environment has no FastAPI."""


@dataclass(frozen=True)
class NativeRoute:
    """An endpoint that FastAPI serves: its method, the pattern of its path, and its app."""

    method: str
    pattern: re.Pattern[str]
    app: AsgiApp


@dataclass(frozen=True)
class NativeEndpoints:
    """The endpoints of a job that FastAPI serves."""

    routes: Sequence["NativeRoute"]
    describe: Callable[[], dict[str, Any]]
    """A function that returns the OpenAPI description of the endpoints."""

    def list_methods(self, path: str) -> set[str]:
        """Return the methods of a path, with or without a slash at its end."""
        exact, bare = self._list_routes(path), self._list_routes(path.rstrip("/"))
        return {route.method for route in (*exact, *bare)}

    def respond(self, scope: Scope, path: str) -> Response | None:
        """Return the response of the endpoint; None when no endpoint has this path and method."""
        for moved in (path, path.rstrip("/")):
            for route in self._list_routes(moved):
                if route.method == scope["method"]:
                    return Response(b"", app=_move(route.app, moved))
        return None

    def _list_routes(self, path: str) -> list[NativeRoute]:
        return [route for route in self.routes if route.pattern.match(path)]


def mount_native_endpoints(
    configs: Sequence[EndpointConfig], runner: CallRunner
) -> NativeEndpoints | None:
    """Make the app of the endpoints; return None when the job has none."""
    served = [config for config in configs if _is_served(config)]
    if not served:
        return None
    fastapi = _import_fastapi()
    app = fastapi.FastAPI(openapi_url=None, redirect_slashes=False)
    app.add_exception_handler(Exception, _make_last_handler(fastapi))
    router = fastapi.APIRouter(route_class=_make_route_class(fastapi))
    for config in served:
        options = {**config.other_options, "tags": ["API", *config.other_options.get("tags", ())]}
        options.setdefault("operation_id", f"auxiliary_endpoint_{config.path.replace('/', '_')}")
        path = f"{API}/{config.path.lstrip('/')}"
        handler = _wrap_handler(config.handler, runner)
        router.add_api_route(path, handler, methods=[method_of(config)], **options)
    app.include_router(router)
    routes = [
        NativeRoute(
            next(iter(route.methods)),
            route.path_regex,
            runner.open_app(route.path.removeprefix(API), app),
        )
        for route in router.routes
    ]
    return NativeEndpoints(routes, app.openapi)


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


def _wrap_handler(handler: Callable[..., Any], runner: CallRunner) -> Callable[..., Any]:
    if inspect.isgeneratorfunction(handler) or inspect.isasyncgenfunction(handler):
        return handler  # FastAPI streams what they yield.
    is_async = inspect.iscoroutinefunction(handler)

    @wraps(handler)
    async def run(**arguments: Any) -> Any:
        # FastAPI would run plain methods in threads of its own.
        running = handler(**arguments) if is_async else runner.run_plainly(handler, arguments)
        result = await running
        _open_call.get().has_returned = True
        # FastAPI writes models and dates by itself, but knows no arrays and tables.
        return expand_arrays(result)

    # FastAPI looks up the names in type hints from here, so they are resolved where they were written.
    run.__signature__ = _read_signature(handler)  # type: ignore[attr-defined]
    return run


def _read_signature(handler: Callable[..., Any]) -> inspect.Signature:
    try:
        return inspect.signature(handler, eval_str=True)
    except NameError:
        return inspect.signature(handler)


def _make_route_class(fastapi: Any) -> type:
    base = importlib.import_module("fastapi.routing").APIRoute
    invalid = importlib.import_module("fastapi.exceptions").RequestValidationError

    def get_route_handler(route: Any) -> Handle:
        handle: Handle = base.get_route_handler(route)

        async def answer(request: Any) -> Any:
            call: OpenCall = request.scope[CALL_KEY]
            _open_call.set(call)
            try:
                return close_after_sending(await handle(request))
            except (invalid, asyncio.CancelledError):
                raise
            except BaseException as error:  # noqa: BLE001 - whatever a job raises is answered
                call.has_failed = True
                respond = respond_to_failure if call.has_returned else respond_to_error
                return _translate(fastapi, respond(error))

        return answer

    return type("CallRoute", (base,), {"get_route_handler": get_route_handler})


def _make_last_handler(fastapi: Any) -> Callable[[Any, Exception], Awaitable[Any]]:
    async def answer(_: Any, error: Exception) -> Any:
        return _translate(fastapi, respond_to_failure(error))

    return answer


def _translate(fastapi: Any, response: Response) -> Any:
    return fastapi.Response(
        response.body, response.status, response.headers, media_type=response.content_type
    )


def _move(app: AsgiApp, path: str) -> AsgiApp:
    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        inner = {**scope, "path": path, "raw_path": path.encode(), "root_path": ""}
        await app(inner, receive, send)

    return serve
