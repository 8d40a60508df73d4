"""Accepting an async call: when the caller gets its id, the call is committed in Lifecycle's database."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from racetrack_client.log.logs import get_logger
from racetrack_commons.entities.async_calls import (
    AsyncCallLease,
    AsyncCallStatus,
    AsyncJobCallDto,
    BodyEncoding,
    NewAsyncCall,
)
from racetrack_commons.entities.async_calls_client import AsyncCallsClient
from racetrack_commons.entities.lifecycle_client import LifecycleError, LifecycleUnreachable

from pub.async_calls.attempt import fold
from pub.async_calls.idempotency import make_fingerprint, read_idempotency_key
from pub.async_calls.runner import AsyncCallRunner
from pub.config import PubConfig
from pub.metrics import PubMetrics
from pub.proxy.call import Call
from pub.proxy.connect import JobConnector
from pub.proxy.cookies import read_header
from pub.proxy.errors import CallFailed
from pub.proxy.headers import HeaderRules, job_target
from pub.routing.route import Route

logger = get_logger(__name__)
_LONGEST_SHOWN_PATH = 512
_LONGEST_CALLER = 600
_RETRY_SECONDS = {429: 10, 507: 30}
"""The seconds after which a caller may try again, by the status of Lifecycle's refusal."""
_WRONG_KEYS = {"IdempotencyKeyReused": 422, "KeyWithoutCaller": 400}
"""The statuses of wrong idempotency keys, by the type of Lifecycle's refusal."""


@dataclass(frozen=True)
class AsyncCallStarter:
    """Stores calls in Lifecycle, and runs them at this gateway when there is room."""

    connector: JobConnector
    rules: HeaderRules
    store: AsyncCallsClient
    runner: AsyncCallRunner
    config: PubConfig
    metrics: PubMetrics

    async def start(self, call: Call) -> str:
        """Accept a call and return its id; raise CallFailed when it is not allowed or can't be stored.

        A start with an idempotency key that the caller has used before returns the id of the call from then.
        """
        key = read_idempotency_key(call)
        route = await self.connector.authorize(call.route_query)
        body = await self._read_body(call)
        lease = self.runner.reserve(route.name)
        try:
            new = self._make(call, route, body, lease)
            call_id = await self._keep(new.model_copy(update={"idempotency_key": key}))
            if call_id != new.call.id:
                logger.info(f"{call} repeats async call {call_id}", extra={"id": call.tracing_id})
                return call_id
            if lease is None:
                self.runner.note_waiting(route.name)
            else:
                self.runner.begin(new.call, lease)
        finally:
            self.runner.cancel_reservation(lease)
        self._note_start(call, route, call_id)
        return call_id

    def _make(
        self, call: Call, route: Route, body: bytes, lease: AsyncCallLease | None
    ) -> NewAsyncCall:
        kept = self._describe(call, route, body)
        return NewAsyncCall(
            call=kept.model_copy(update={"attempts": 0 if lease is None else 1}),
            lease=lease,
            caller=(route.caller or "")[:_LONGEST_CALLER],
            token=call.token,
            fingerprint=make_fingerprint(call, body),
        )

    def _note_start(self, call: Call, route: Route, call_id: str) -> None:
        self.metrics.count_for("pub_async_job_calls_started", route.name, route.version)
        self.metrics.tally.note(route.name, route.version, route.caller, call.job.path)
        logger.info(
            f"{call} accepted as async call {call_id} {route.caller or '-'}",
            extra={"id": call.tracing_id},
        )

    async def _keep(self, new: NewAsyncCall) -> str:
        try:
            return await self.store.add(new)
        except LifecycleUnreachable as error:
            raise _not_kept() from error
        except LifecycleError as error:
            raise _not_kept(error) from error

    async def _read_body(self, call: Call) -> bytes:
        most = self.config.async_max_body_bytes
        length = read_header(call.headers, b"content-length")
        if length.isdecimal() and int(length) > most:
            raise _too_large(most)
        chunks: list[bytes] = []
        size, is_more = 0, True
        while is_more:
            message = await call.receive()
            if message["type"] == "http.disconnect":
                raise CallFailed(400, "Proxy request error: the caller left before its body ended")
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            is_more = message.get("more_body", False)
            if size > most:
                raise _too_large(most)
        return b"".join(chunks)

    def _describe(self, call: Call, route: Route, body: bytes) -> AsyncJobCallDto:
        """Make the stored form of the call: the request as the job will get it, without the caller's token."""
        encoding = BodyEncoding.choose(body)
        return AsyncJobCallDto(
            id=str(uuid.uuid4()),
            status=AsyncCallStatus.ONGOING,
            started_at=int(datetime.now(UTC).timestamp()),
            ended_at=None,
            error=None,
            job_name=route.name,
            job_version=route.version,
            job_path=call.job.path[:_LONGEST_SHOWN_PATH],
            request_method=call.method,
            request_url=job_target(call, route),
            request_headers=fold(self.rules.to_job(call, route)),
            request_body=encoding.encode_body(body),
            body_encoding=encoding,
            response_status_code=None,
            response_headers=None,
            response_body="",
            attempts=0,
            pub_instance_addr="",
            retriable_error=False,
        )


def _too_large(most: int) -> CallFailed:
    text = (
        f"Proxy request error: the body of an async call may have {most} bytes"
        " (ASYNC_MAX_BODY_BYTES): send less, or call the job without /async/new"
    )
    return CallFailed(413, text)


def _not_kept(error: LifecycleError | None = None) -> CallFailed:
    if error is not None and error.status in _RETRY_SECONDS:
        text = f"Proxy request error: the async call is not accepted: {error}"
        return CallFailed(error.status, text, retry_after=_RETRY_SECONDS[error.status])
    if error is not None and error.type in _WRONG_KEYS:
        return CallFailed(_WRONG_KEYS[error.type], f"Proxy request error: {error}")
    if error is not None and error.status < 500:
        return CallFailed(500, f"Proxy request error: failed to create async task: {error}")
    text = "Proxy request error: Lifecycle can't keep the call now, try again"
    return CallFailed(503, text, retry_after=2)
