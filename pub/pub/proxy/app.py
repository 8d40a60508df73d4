"""The proxy: a raw ASGI app in front of the service's other routes."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
from racetrack_client.log.logs import get_logger
from racetrack_commons.entities.dto import JobCallAuthData
from racetrack_commons.entities.lifecycle_client import LifecycleError, LifecycleUnreachable
from starlette.types import ASGIApp, Receive, Scope, Send

from pub.config import Config
from pub.metrics import PubMetrics
from pub.proxy.errors import CallFailed, refused, send_failure, unknown, unreachable
from pub.proxy.headers import CallContext, make_request_headers, make_response_headers
from pub.proxy.replicas import Replicas
from pub.routing.answers import Answers
from pub.routing.path import JobPath, parse_job_path
from pub.routing.token import find_header, find_token
from pub.upstream.client import UpstreamClient, UpstreamRequest

logger = get_logger(__name__)
CONNECT_ATTEMPTS = 4
RETRY_PAUSE_SECONDS = 0.15
REPEATABLE_METHODS = ("GET", "HEAD", "OPTIONS")


class ResponseBroken(Exception):
    """The job's answer broke off; raised so that the server drops the caller's connection, instead of ending it cleanly."""


@dataclass(frozen=True)
class Call:
    """One call on its way."""

    scope: Scope
    receive: Receive
    send: Send
    job: JobPath
    tracing_id: str


class Proxy:
    """Passes job calls on; everything else goes to the other app."""

    def __init__(
        self, other: ASGIApp, config: Config, answers: Answers, metrics: PubMetrics
    ) -> None:
        self.other = other
        self.config = config
        self.answers = answers
        self.metrics = metrics
        self.replicas = Replicas()
        self.upstream: UpstreamClient | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        job = None
        if scope["type"] == "http":
            job = parse_job_path(
                scope["raw_path"].decode("latin-1").partition("?")[0],
                f"/{self.config.service_name}",
            )
        if job is None:
            await self.other(scope, receive, send)
            return
        tracing_id = find_header(scope["headers"], self.config.request_tracing_header) or str(
            uuid.uuid4()
        )
        try:
            await self._pass_on(Call(scope, receive, send, job, tracing_id))
        except CallFailed as failure:
            if failure.status != 404:
                self.metrics.count("pub_job_proxy_request_errors")
            logger.info(f"{scope['method']} {scope['path']} {failure.status} {failure.error}")
            await send_failure(send, failure, tracing_id)

    async def _pass_on(self, call: Call) -> None:
        started = time.perf_counter()
        answer, address, response = await self._connect(call)
        job = answer.job
        labels = (job.name, job.version)
        self.metrics.count("pub_job_proxy_response_codes", *labels, str(response.status))
        try:
            await self._send_response(call, response, address)
        finally:
            response.release()
            seconds = time.perf_counter() - started
            self.metrics.count("pub_job_proxy_requests_done", *labels)
            self.metrics.count("pub_job_call_response_time", *labels, by=seconds)
            self.metrics.response_time.labels(*labels).observe(seconds)
            logger.info(
                f"{call.scope['method']} {call.scope['path']} {response.status} {answer.caller or '-'}"
            )

    async def _connect(self, call: Call) -> tuple[JobCallAuthData, str, aiohttp.ClientResponse]:
        """Find the job and send the call; a refused connection means that it moved: ask where it is, and send it there."""
        body = _Body(call.receive)
        for attempt in range(CONNECT_ATTEMPTS):
            answer = await self._authorize(call)
            job = answer.job
            address = self.replicas.choose(job)
            if address is None:
                raise unreachable(job.name, job.version, job.status, "the job has no address")
            if attempt == 0:
                self.metrics.count("pub_job_proxy_requests", job.name, job.version)
            self.metrics.count("pub_job_proxy_requests_started", job.name, job.version)
            try:
                return answer, address, await self._send(call, answer, address, body)
            except (aiohttp.ClientError, TimeoutError) as error:
                self._note(error)
                is_last = attempt == CONNECT_ATTEMPTS - 1
                may_repeat = (
                    isinstance(error, aiohttp.ClientConnectorError)
                    or call.scope["method"] in REPEATABLE_METHODS
                )
                if is_last or not may_repeat or body.is_begun:
                    raise unreachable(
                        job.name, job.version, job.status, _describe(error)
                    ) from error
                self.replicas.eject(address)
                self.answers.forget_job(job.name)
                self.answers.forget_job(call.job.name)
                await asyncio.sleep(RETRY_PAUSE_SECONDS * attempt)
        raise unknown()

    async def _authorize(self, call: Call) -> JobCallAuthData:
        headers = {self.config.request_tracing_header: call.tracing_id}
        try:
            return await self.answers.get(call.job, find_token(call.scope["headers"]), headers)
        except LifecycleError as error:
            raise refused(error, is_debug=self.config.auth_debug) from error
        except LifecycleUnreachable as error:
            raise unknown() from error

    async def _send(
        self, call: Call, answer: JobCallAuthData, address: str, body: "_Body"
    ) -> aiohttp.ClientResponse:
        scope, job = call.scope, answer.job
        base = f"/pub/job/{job.name}/{job.version}"
        query = scope["query_string"].decode("latin-1")
        context = CallContext(
            tracing_header=self.config.request_tracing_header,
            tracing_id=call.tracing_id,
            caller_header=self.config.caller_name_header,
            caller=answer.caller,
            client_address=scope["client"][0] if scope.get("client") else "",
            scheme=scope["scheme"],
            prefix=base,
        )
        request = UpstreamRequest(
            method=scope["method"],
            target=f"{base}{call.job.path}{'?' + query if query else ''}",
            headers=make_request_headers(scope["headers"], context),
            body=body.chunks() if _has_body(scope) else None,
        )
        if self.upstream is None:
            self.upstream = UpstreamClient(self.config.connect_timeout_seconds)
        return await self.upstream.send(address, request)

    async def _send_response(
        self, call: Call, response: aiohttp.ClientResponse, address: str
    ) -> None:
        tracing = (self.config.request_tracing_header, call.tracing_id)
        headers = make_response_headers(response.raw_headers, address, tracing)
        await call.send(
            {"type": "http.response.start", "status": response.status, "headers": headers}
        )
        try:
            async for chunk in response.content.iter_any():
                await call.send({"type": "http.response.body", "body": chunk, "more_body": True})
        except aiohttp.ClientError as error:
            self._note(error)
            raise ResponseBroken(f"the answer of {call.job.name} broke off: {error}") from error
        await call.send({"type": "http.response.body", "body": b""})

    def _note(self, error: Exception) -> None:
        self.metrics.count("pub_job_proxy_errors")
        if isinstance(error, aiohttp.ClientConnectorError):
            self.metrics.count("pub_job_proxy_connection_refused_errors")
        elif isinstance(error, aiohttp.ServerDisconnectedError):
            self.metrics.count("pub_job_proxy_connection_broken_errors")


class _Body:
    """The caller's body as a stream; remembers whether any of it was taken."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.is_begun = False

    async def chunks(self) -> AsyncIterator[bytes]:
        while True:
            message = await self._receive()
            self.is_begun = True
            if message["type"] == "http.disconnect":
                raise aiohttp.ClientConnectionError("the caller left")
            yield message.get("body", b"")
            if not message.get("more_body"):
                return


def _has_body(scope: Scope) -> bool:
    length = find_header(scope["headers"], "content-length")
    return length not in ("", "0") or bool(find_header(scope["headers"], "transfer-encoding"))


def _describe(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorError):
        return "connection refused to a target job"
    if isinstance(error, TimeoutError):
        return "request to a job timed out"
    return "connection broken to a target job"
