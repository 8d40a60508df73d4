"""The ASGI app of a job: answers probes from the start, and calls once the job is loaded."""

import json
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from racetrack_job_wrapper.calls import QueueFull
from racetrack_job_wrapper.context import Headers, JobRequest, request_context, request_extra
from racetrack_job_wrapper.encoding import to_json
from racetrack_job_wrapper.environment import JobEnvironment
from racetrack_job_wrapper.job import Job
from racetrack_job_wrapper.log.logs import describe_error
from racetrack_job_wrapper.openapi import ASSET_TYPES, ASSETS, docs_page, make_openapi
from racetrack_job_wrapper.parameters import list_parameters
from racetrack_job_wrapper.responses import Response, error_response, json_response

logger = logging.getLogger("racetrack.job")
API = "/api/v1"
_PREFIX = re.compile(r"/pub/(?:job|fatman)/[^/]+/[^/]+")
_PROBES = ("/live", "/ready", "/health", "/metrics")
_CORS = [(b"access-control-allow-origin", b"*"), (b"access-control-allow-credentials", b"true")]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Scope = dict[str, Any]


@dataclass
class JobState:
    """What is known of the job so far."""

    environment: JobEnvironment
    job: Job | None = None
    error: str | None = None
    """Why the job could not be loaded."""


class JobApp:
    """Routes requests; every route stands at the root and under `/pub/job/{any}/{any}`."""

    def __init__(self, state: JobState) -> None:
        self.state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await _answer_lifespan(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = (
            _PREFIX.sub("", scope["path"], count=1)
            if scope["path"].startswith("/pub/")
            else scope["path"]
        )
        headers = Headers(
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]
        )
        request_context.set(JobRequest(scope["method"], scope["path"], headers))
        request_extra.set({})
        if scope["method"] == "POST" and path.startswith(API):
            response = await self._call(path.removeprefix(API), headers, receive)
        else:
            response = self._get(scope["method"], path, scope["path"])
        if not (response.status == 200 and path.rstrip("/") in _PROBES):
            logger.info("%s %s %s", scope["method"], scope["path"], response.status)
        await _send(send, response, is_head=scope["method"] == "HEAD")

    async def _call(self, endpoint: str, headers: Headers, receive: Receive) -> Response:
        job = self.state.job
        if job is None:
            return self._not_loaded()
        handler = job.endpoints.get(endpoint.rstrip("/") or endpoint)
        if handler is None:
            return json_response({"detail": "Not Found"}, 404)
        body = await _read_body(receive)
        payload = _parse_payload(body, headers)
        if isinstance(payload, Response):
            return payload
        return await self._run(job, endpoint, handler, payload)

    async def _run(
        self, job: Job, endpoint: str, handler: Callable[..., Any], payload: dict[str, Any]
    ) -> Response:
        began = job.metrics.begin(endpoint)
        failed = True
        try:
            response = Response(to_json(await job.runner.run(handler, payload)))
            failed = False
        except QueueFull as error:
            response = json_response({"detail": str(error)}, 429, {"Retry-After": "1"})
        except Exception as error:  # noqa: BLE001 - whatever a job raises is answered, never the end of the server
            logger.error("call of %s failed: %s", endpoint, describe_error(error))
            response = error_response(error)
        job.metrics.end(endpoint, began, failed=failed)
        return response

    def _get(self, method: str, path: str, full_path: str) -> Response:
        if method == "OPTIONS":
            allowed = {
                "access-control-allow-methods": "GET, POST",
                "access-control-allow-headers": "*",
            }
            return Response(b"OK", content_type="text/plain", headers=allowed)
        if method not in ("GET", "HEAD"):
            return json_response({"detail": "Method Not Allowed"}, 405, {"allow": "GET"})
        if path in ("", "/"):
            home = self.state.job.home_page if self.state.job else "/docs"
            return Response(
                b"", 307, headers={"location": f"{self.state.environment.base_url}{home}"}
            )
        routes = {
            "/live": self._live,
            "/ready": self._ready,
            "/health": self._health,
            "/metrics": self._metrics,
            "/docs": lambda: Response(
                docs_page(self.state.environment), content_type="text/html; charset=utf-8"
            ),
            "/openapi.json": lambda: json_response(
                make_openapi(self.state.job, self.state.environment)
            ),
            f"{API}/parameters": self._parameters,
            f"{API}/examples": self._examples,
        }
        route = routes.get(path.rstrip("/"))
        return route() if route else self._file(path, full_path)

    def _file(self, path: str, full_path: str) -> Response:
        if path.startswith("/docs/"):
            asset = ASSETS / path.removeprefix("/docs/")
            if asset.parent == ASSETS and asset.is_file():
                content_type = ASSET_TYPES.get(asset.suffix, "application/octet-stream")
                return Response(
                    asset.read_bytes(),
                    content_type=content_type,
                    headers={"cache-control": "max-age=3600"},
                )
        job = self.state.job
        if job is None and path.startswith(API):
            return self._not_loaded()
        if job and path.startswith(API):
            static = job.static_files.get(path.removeprefix(API))
            if static:
                return Response(static.path.read_bytes(), content_type=static.content_type)
            if path.removeprefix(API).rstrip("/") in job.endpoints:
                return json_response({"detail": "Method Not Allowed"}, 405, {"allow": "POST"})
        return json_response({"detail": "Not Found"}, 404)

    def _live(self) -> Response:
        timestamp = self.state.environment.deployment_timestamp
        if self.state.error is not None:
            return json_response(
                {"live": False, "deployment_timestamp": timestamp, "error": self.state.error}, 500
            )
        return json_response({"live": True, "deployment_timestamp": timestamp})

    def _ready(self) -> Response:
        is_ready = self.state.job is not None
        return json_response({"ready": is_ready}, 200 if is_ready else 500)

    def _health(self) -> Response:
        environment = self.state.environment
        is_ready = self.state.job is not None
        content = {
            "service": "job",
            "job_name": environment.name,
            "live": self.state.error is None,
            "ready": is_ready,
            "status": "pass" if is_ready else "fail",
            "error": self.state.error,
            "job_version": environment.version,
            "git_version": environment.git_version,
            "deployed_by_racetrack_version": environment.deployed_by_racetrack_version,
            "deployment_timestamp": environment.deployment_timestamp,
            "job_type_version": environment.job_type_version,
        }
        return json_response(content, 200 if is_ready else 500)

    def _metrics(self) -> Response:
        job = self.state.job
        return Response(
            job.metrics.text() if job else b"",
            content_type="text/plain; version=0.0.4; charset=utf-8",
        )

    def _parameters(self) -> Response:
        job = self.state.job
        return (
            Response(to_json(list_parameters(job.endpoints["/perform"])))
            if job
            else self._not_loaded()
        )

    def _examples(self) -> Response:
        job = self.state.job
        return Response(to_json(job.examples)) if job else self._not_loaded()

    def _not_loaded(self) -> Response:
        if self.state.error is not None:
            return json_response({"error": f"the job could not be loaded: {self.state.error}"}, 500)
        return json_response({"error": "the job is starting"}, 503, {"Retry-After": "1"})


def _parse_payload(body: bytes, headers: Headers) -> dict[str, Any] | Response:
    content_type = headers.get("content-type", "").split(";")[0].strip()
    if content_type and content_type != "application/json" and not content_type.endswith("+json"):
        return _unprocessable(f"the content type must be application/json, not {content_type}")
    if not body:
        return {}
    try:
        payload = json.loads(body)
    except ValueError as error:
        return _unprocessable(f"the body is not JSON: {error}")
    if payload is None:
        return {}
    return (
        payload
        if isinstance(payload, dict)
        else _unprocessable("the body must be a JSON object of arguments")
    )


def _unprocessable(message: str) -> Response:
    detail = [{"type": "invalid_body", "loc": ["body"], "msg": message, "input": None}]
    return json_response({"detail": detail, "error": message}, 422)


async def _read_body(receive: Receive) -> bytes:
    chunks = []
    while True:
        message = await receive()
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(chunks)


async def _send(send: Send, response: Response, *, is_head: bool) -> None:
    headers = [
        (b"content-type", response.content_type.encode()),
        (b"content-length", str(len(response.body)).encode()),
    ]
    headers += [(name.encode(), value.encode()) for name, value in response.headers.items()] + _CORS
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if is_head else response.body})


async def _answer_lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
