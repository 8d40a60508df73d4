"""One attempt of an async call, which takes the same way to the job as a direct call."""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass

from racetrack_commons.auth.cookies import SAFE_METHODS
from racetrack_commons.entities.async_calls import AsyncJobCallDto

from pub.async_calls.outcome import Answered, Failed, Outcome, Postponed
from pub.config import PubConfig
from pub.metrics import PubMetrics
from pub.proxy.connect import Connected, JobConnector
from pub.proxy.errors import CallFailed
from pub.proxy.headers import HeaderRules
from pub.proxy.upstream import UpstreamClient, UpstreamError, UpstreamRequest, UpstreamResponse
from pub.routing.route import JobPath, Route, RouteQuery

_UNAVAILABLE = 503
_NOT_FOUND = 404
_LONGEST_SHOWN = 1000


class AnswerTooLarge(Exception):
    """The job's answer is larger than Lifecycle may store."""


@dataclass(frozen=True)
class AttemptMaker:
    """Sends stored calls to their jobs."""

    connector: JobConnector
    upstream: UpstreamClient
    rules: HeaderRules
    config: PubConfig
    metrics: PubMetrics

    async def make(self, call: AsyncJobCallDto) -> Outcome:
        """Send a call once and return the outcome of this attempt."""
        seconds = self.config.async_call_timeout_seconds
        try:
            async with asyncio.timeout(seconds):
                answer = await self._send(call)
        except TimeoutError:
            return Failed(f"request to a job timed out after {seconds:g} s", is_retriable=True)
        except CallFailed as failure:
            return _judge(failure)
        except UpstreamError as broken:
            self.metrics.count("pub_job_proxy_errors")
            self.metrics.count("pub_job_proxy_connection_broken_errors")
            return Failed(f"{broken.text} (job may have died)", is_retriable=True)
        except AnswerTooLarge:
            most = self.config.async_max_body_bytes
            text = f"the answer has more than {most} bytes (ASYNC_MAX_BODY_BYTES)"
            return Failed(text, is_retriable=False)
        return _judge_answer(answer)

    async def _send(self, call: AsyncJobCallDto) -> Answered:
        started = time.perf_counter()
        query = self._make_query(call)
        route = await self.connector.authorize(query)
        self.metrics.count_for("pub_job_proxy_requests_started", route.name, route.version)
        headers = unfold(call.request_headers)
        body = call.body_encoding.decode_body(call.request_body) or None

        async def send(route: Route, address: str) -> UpstreamResponse:
            shown = self.rules.show_secret(headers, route)
            request = UpstreamRequest(call.request_method, call.request_url, shown, body)
            return await self.upstream.send(address, request)

        is_safe = call.request_method in SAFE_METHODS
        connected = await self.connector.connect(query, route, send, is_repeatable=is_safe)
        try:
            answer = await self._read(connected, self._tracing_id(call))
        finally:
            connected.opened.close()
        self._count(route, answer, time.perf_counter() - started)
        return answer

    def _make_query(self, call: AsyncJobCallDto) -> RouteQuery:
        """Make the query with the gateway's own token: the caller was authorized at the start, its token is not stored."""
        token = self.config.lifecycle_auth_token.get_secret_value()
        headers = {self.config.request_tracing_header: self._tracing_id(call)}
        path = call.request_url.partition("?")[0]
        path = path.removeprefix(f"/pub/job/{call.job_name}/{call.job_version}")
        return RouteQuery(JobPath(call.job_name, call.job_version, path), token, headers)

    def _tracing_id(self, call: AsyncJobCallDto) -> str:
        return call.request_headers.get(self.config.request_tracing_header.lower(), call.id)

    async def _read(self, connected: Connected[UpstreamResponse], tracing_id: str) -> Answered:
        response = connected.opened
        chunks: list[bytes] = []
        size, is_whole = 0, False
        while not is_whole:
            chunk, is_whole = await response.read()
            chunks.append(chunk)
            size += len(chunk)
            if size > self.config.async_max_body_bytes:
                raise AnswerTooLarge
        headers = self.rules.to_caller(response, connected.address, tracing_id)
        decoded = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]
        return Answered(response.status, fold(decoded), b"".join(chunks))

    def _count(self, route: Route, answer: Answered, seconds: float) -> None:
        labels = (route.name, route.version)
        self.metrics.count_for("pub_job_proxy_response_codes", *labels, str(answer.status))
        self.metrics.note_call(*labels, seconds)


def fold(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Join the values of each name with line feeds, as Lifecycle stores them; no header value can hold a line feed."""
    folded: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        folded[key] = f"{folded[key]}\n{value}" if key in folded else value
    return folded


def unfold(folded: dict[str, str]) -> list[tuple[str, str]]:
    """Split the stored headers into pairs of name and value again."""
    return [(name, value) for name, values in folded.items() for value in values.split("\n")]


def _judge(failure: CallFailed) -> Outcome:
    """Turn a failure of the gateway into an outcome: postponed, retriable, or final."""
    if failure.status == _UNAVAILABLE:
        return Postponed(failure.error, failure.retry_after or 1)
    return Failed(failure.error, is_retriable=isinstance(failure.__cause__, UpstreamError | None))


def _judge_answer(answer: Answered) -> Outcome:
    """Turn an answer into an outcome; a 404 is a failure, because jobs answer it while they initialise."""
    if answer.status != _NOT_FOUND:
        return answer
    text = answer.body[:_LONGEST_SHOWN].decode(errors="replace")
    return Failed(f"job returned 404 Not Found response: {text}", is_retriable=True)
