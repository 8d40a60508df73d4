"""The ASGI app of a job: it answers probes from the start, and calls once the job is loaded.

Each request is answered in JSON and counted, whatever fails, unless a broken answer has already begun.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable

from racetrack_job_wrapper import probes
from racetrack_job_wrapper.asgi import Receive, Scope, Send, Sender, send_response, write_headers
from racetrack_job_wrapper.callers import OPEN_PATHS, prove, refuse_caller
from racetrack_job_wrapper.calling import respond_to_failure
from racetrack_job_wrapper.decoded_bodies import BodiesTooLarge, DecodedBodies
from racetrack_job_wrapper.encoding import to_json
from racetrack_job_wrapper.endpoint_config import API
from racetrack_job_wrapper.environment import DEFAULT_BODY_BYTES
from racetrack_job_wrapper.job import PERFORM, JobState
from racetrack_job_wrapper.log.logger import logger
from racetrack_job_wrapper.metrics import CONTENT_TYPE, ServerMetrics
from racetrack_job_wrapper.openapi import docs_page, find_asset, list_parameters, make_openapi
from racetrack_job_wrapper.profiler import MemoryProfiler
from racetrack_job_wrapper.request import (
    BodyLimit,
    BodyTooLarge,
    CallerLeft,
    Headers,
    InvalidBody,
    JobRequest,
    UnknownEncoding,
    parse_payload,
    read_body,
    request_context,
    request_extra,
)
from racetrack_job_wrapper.responses import Response, json_response
from racetrack_job_wrapper.webview import MOUNT
from racetrack_job_wrapper.workers import WorkerPool

_PREFIX = re.compile(r"/pub/(?:job|fatman)/[^/]+/[^/]+(?=/|$)")
Route = Callable[[], Response | Awaitable[Response]]


class JobApp:
    """Routes requests; every route is served at the root and under `/pub/job/{any}/{any}`."""

    def __init__(self, state: JobState, profiler: MemoryProfiler | None = None) -> None:
        self.state = state
        self._body_limit = BodyLimit(_read_most(state))
        self._profiling = profiler.list_routes() if profiler else {}
        self.metrics = ServerMetrics()
        self._bodies = DecodedBodies()
        # The job's own metrics may be slow; in a thread of their own they delay neither probes nor calls.
        self._collectors = WorkerPool("metrics", size=1)
        self._routes: dict[str, Route] = {
            "/live": lambda: probes.live(state),
            "/ready": lambda: probes.ready(state),
            "/health": lambda: probes.health(state),
            "/metrics": self._metrics,
            "/docs": self._docs,
            "/openapi.json": lambda: json_response(make_openapi(state.job, state.environment)),
            f"{API}/parameters": self._parameters,
            f"{API}/examples": self._examples,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as the ASGI server calls it."""
        if scope["type"] == "lifespan":
            await _answer_lifespan(receive, send)
        elif scope["type"] == "http":
            await self._answer_http(scope, receive, send)
        elif refusal := refuse_caller(
            scope, _relative_path(scope["path"]), _read_headers(scope), self.state.environment
        ):
            await _refuse_websocket(refusal, scope, send)
        elif self._is_webview(scope):
            await self._show_webview(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    async def _answer_http(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = _relative_path(scope["path"])
        headers = _read_headers(scope)
        request_context.set(JobRequest(scope["method"], scope["path"], headers))
        request_extra.set({})
        began, failed = self.metrics.begin(), True
        sender = Sender(send)
        try:
            await self._answer_or_refuse(scope, path, headers, receive, sender)
            failed = sender.status is not None and sender.status >= 500
        except CallerLeft:
            failed = False
        except BodyTooLarge as error:
            failed = False
            await _send_failure(error, sender, _refuse_body(error))
        except asyncio.CancelledError:
            failed = False
            raise
        except BaseException as error:  # noqa: BLE001 - whatever fails is answered
            await _send_failure(error, sender, respond_to_failure(error))
        finally:
            self.metrics.end(began, failed=failed and path not in OPEN_PATHS)
            if _is_worth_a_line(path.rstrip("/"), sender.status or 0):
                logger.info("%s %s %s", scope["method"], scope["path"], sender.status or "-")

    async def _answer_or_refuse(
        self, scope: Scope, path: str, headers: Headers, receive: Receive, sender: Sender
    ) -> None:
        refusal = refuse_caller(scope, path, headers, self.state.environment)
        if refusal is None:
            self._body_limit.check_length(headers)
            receive = self._body_limit.limit(headers, receive)
        if refusal is None and self._is_webview(scope):
            await self._show_webview(scope, receive, sender)
            return
        response = refusal or await self._respond(scope, path, headers, receive)
        if response.app is not None:
            await response.app(scope, receive, sender)
        else:
            further = _allow_origin(headers.get("origin"))
            further += prove(scope, path, headers, self.state.environment)
            await send_response(response, sender, further)

    async def _respond(
        self, scope: Scope, path: str, headers: Headers, receive: Receive
    ) -> Response:
        method: str = scope["method"]
        if method == "OPTIONS" and "access-control-request-method" in headers:
            return _allow_other_origins(headers)
        if path in ("", "/"):
            return self._redirect(scope, path)
        if profile := self._profiling.get((method, path)):
            return await profile()
        if method == "POST" and path.startswith(f"{API}/"):
            found = await self._call(path.removeprefix(API), headers, receive)
        elif method == "GET":
            found = await self._get(path)
        else:
            found = None
        native = self.state.job.native if self.state.job else None
        return found or (native and native.respond(scope, path)) or self._refuse(path)

    async def _call(self, endpoint: str, headers: Headers, receive: Receive) -> Response | None:
        job = self.state.job
        if job is None:
            return probes.not_loaded(self.state)
        endpoint = endpoint if endpoint in job.endpoints else endpoint.rstrip("/")
        handler = job.endpoints.get(endpoint)
        if handler is None:
            return None
        body = await read_body(receive)
        try:
            if "content-encoding" in headers:
                async with self._bodies.decode(body, headers) as whole:
                    return await job.runner.run_call(
                        endpoint, handler, parse_payload(whole, headers)
                    )
            return await job.runner.run_call(endpoint, handler, parse_payload(body, headers))
        except InvalidBody as error:
            return _unprocessable(str(error))
        except (BodiesTooLarge, BodyTooLarge, UnknownEncoding) as error:
            return _refuse_body(error)

    async def _get(self, path: str) -> Response | None:
        route = self._routes.get(path) or self._routes.get(path.rstrip("/"))
        if route:
            response = route()
            return response if isinstance(response, Response) else await response
        if path.startswith("/docs/"):
            return find_asset(path.removeprefix("/docs/"))
        if not path.startswith(f"{API}/"):
            return None
        if self.state.job is None:
            return probes.not_loaded(self.state)
        static = self.state.job.static_files.get(path.removeprefix(API))
        return (
            Response(static.path.read_bytes(), content_type=static.content_type) if static else None
        )

    def _refuse(self, path: str) -> Response:
        allowed = {"GET"} if path.rstrip("/") in self._routes else set()
        if job := self.state.job:
            name = path.removeprefix(API)
            if path.startswith(API) and name.rstrip("/") in job.endpoints:
                allowed.add("POST")
            if name in job.static_files:
                allowed.add("GET")
            if job.native:
                allowed |= job.native.list_methods(path)
        if not allowed:
            return json_response({"detail": "Not Found"}, 404)
        headers = {"allow": ", ".join(sorted(allowed))}
        return json_response({"detail": "Method Not Allowed"}, 405, headers)

    def _redirect(self, scope: Scope, path: str) -> Response:
        if not path and scope["path"]:
            return Response(b"", 307, headers={"location": f"{scope['path']}/"})
        home = self.state.job.home_page if self.state.job else "/docs"
        location = f"{self.state.environment.base_url}{home}"
        return Response(b"", 307, headers={"location": location})

    async def _metrics(self) -> Response:
        metrics = self.state.job.metrics if self.state.job else None
        text = await self._collectors.run(self.metrics.text, metrics)
        return Response(text, content_type=CONTENT_TYPE)

    def _docs(self) -> Response:
        page = docs_page(self.state.environment)
        return Response(page, content_type="text/html; charset=utf-8")

    def _parameters(self) -> Response:
        job = self.state.job
        return (
            Response(to_json(list_parameters(job.endpoints[PERFORM])))
            if job
            else probes.not_loaded(self.state)
        )

    def _examples(self) -> Response:
        job = self.state.job
        return Response(to_json(job.examples)) if job else probes.not_loaded(self.state)

    def _is_webview(self, scope: Scope) -> bool:
        job = self.state.job
        return (
            job is not None
            and job.webview is not None
            and f"{_relative_path(scope['path'])}/".startswith(f"{MOUNT}/")
        )

    async def _show_webview(self, scope: Scope, receive: Receive, send: Send) -> None:
        job = self.state.job
        if job and job.webview:
            await job.webview(scope, receive, send)


def _read_most(state: JobState) -> int:
    try:
        return state.environment.max_body_bytes
    except ValueError:  # Loading the job tells what is wrong.
        return DEFAULT_BODY_BYTES


def _read_headers(scope: Scope) -> Headers:
    return Headers(
        (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]
    )


def _relative_path(path: str) -> str:
    return _PREFIX.sub("", path, count=1) if path.startswith("/pub/") else path


def _is_worth_a_line(path: str, status: int) -> bool:
    # Why a job is not ready is in the log already, and the files of the documentation are no calls.
    is_page = path in ("/docs", "/openapi.json") or path.startswith("/docs/")
    return path not in OPEN_PATHS and not (is_page and status < 400)


def _refuse_body(error: BodiesTooLarge | BodyTooLarge | UnknownEncoding) -> Response:
    content = {"error": str(error), "type": type(error).__name__}
    if isinstance(error, BodiesTooLarge):
        return json_response(content, 503, {"retry-after": "1"})
    if isinstance(error, BodyTooLarge):
        return json_response(content, 413)
    return json_response(content, 415, {"accept-encoding": "gzip, deflate"})


def _unprocessable(message: str) -> Response:
    detail = [{"type": "invalid_body", "loc": ["body"], "msg": message, "input": None}]
    return json_response({"detail": detail}, 422)


def _allow_other_origins(headers: Headers) -> Response:
    asked = headers.get("access-control-request-headers", "*")
    allowed = {
        "access-control-allow-methods": "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT",
        "access-control-allow-headers": asked,
        "access-control-max-age": "600",
    }
    return Response(b"OK", content_type="text/plain; charset=utf-8", headers=allowed)


async def _send_failure(error: BaseException, sender: Sender, response: Response) -> None:
    """Answer a request whose answer failed; raise the error when only a broken connection can tell it."""
    if sender.status is None:
        await send_response(response, sender)
    elif not sender.is_complete:
        raise error


def _allow_origin(origin: str | None) -> list[tuple[bytes, bytes]]:
    if not origin:
        return []
    # Pages of other origins call with a token in a header, never with the cookies of the visitor.
    return [(b"access-control-allow-origin", b"*")]


async def _refuse_websocket(response: Response, scope: Scope, send: Send) -> None:
    if "websocket.http.response" not in (scope.get("extensions") or {}):
        await send({"type": "websocket.close"})
        return
    kind = "websocket.http.response"
    headers = write_headers(response)
    await send({"type": f"{kind}.start", "status": response.status, "headers": headers})
    await send({"type": f"{kind}.body", "body": response.body})


async def _answer_lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
