"""Reporting the outcome of an async call to Lifecycle, repeated until Lifecycle has answered."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from racetrack_client.log.logs import get_logger
from racetrack_commons.entities.async_calls import (
    AsyncCallEnd,
    AsyncCallRelease,
    AsyncCallStatus,
    AsyncJobCallDto,
    BodyEncoding,
)
from racetrack_commons.entities.async_calls_client import AsyncCallsClient
from racetrack_commons.entities.lifecycle_client import LifecycleError, LifecycleUnreachable

from pub.async_calls.outcome import Answered, Failed, Outcome
from pub.config import PubConfig
from pub.metrics import PubMetrics

logger = get_logger(__name__)
_NOT_OURS = (404, 409)
_PAUSES_SECONDS = (0.2, 0.5, 1.0, 2.0)
_SERVER_ERROR = 500


@dataclass
class RunningCall:
    """An async call that this gateway runs."""

    call: AsyncJobCallDto
    holder: str
    task: asyncio.Task[None] | None = None
    is_over: bool = False
    """True if the attempt has ended and only the report to Lifecycle is left."""
    is_given_back: bool = False

    def cancel(self) -> None:
        """Cancel the attempt."""
        if self.task is not None:
            self.task.cancel()


@dataclass(frozen=True)
class OutcomeReporter:
    """Ends, releases and gives back calls in Lifecycle."""

    store: AsyncCallsClient
    config: PubConfig
    metrics: PubMetrics

    async def report(self, running: RunningCall, outcome: Outcome) -> None:
        """End the call or release it for another attempt, according to the outcome of this attempt."""
        call = running.call
        if isinstance(outcome, Answered):
            await self._end(running, lambda: _answered(running, outcome))
            return
        if not isinstance(outcome, Failed):
            logger.info(f"async call {call.id} is postponed: {outcome.reason}")
            await self._release(running, outcome.seconds)
            return
        self.metrics.count("pub_async_job_calls_errors")
        logger.warning(f"async call {call.id} failed, attempt {call.attempts}: {outcome.error}")
        if outcome.is_retriable and call.attempts < self.config.async_max_attempts:
            await self._release(running, self.config.async_task_retry_interval, outcome.error)
        else:
            await self._end(running, lambda: _failed(running, outcome.error))

    async def give_back(self, running: RunningCall) -> None:
        """Release the call for other gateways at once; if Lifecycle can't be told, the lease expires by itself."""
        release = AsyncCallRelease(holder=running.holder, claimable_after_seconds=0)
        try:
            await self.store.release(running.call.id, release)
        except (LifecycleError, LifecycleUnreachable) as error:
            logger.warning(f"async call {running.call.id} could not be given back: {error}")

    async def _release(
        self, running: RunningCall, seconds: float, error: str | None = None
    ) -> None:
        def release() -> Awaitable[None]:
            wish = AsyncCallRelease(
                holder=running.holder, claimable_after_seconds=seconds, error=error
            )
            return self.store.release(running.call.id, wish)

        await _repeat_until_answered(running, release)

    async def _end(self, running: RunningCall, make: Callable[[], AsyncCallEnd]) -> None:
        call = running.call
        refusal = await _repeat_until_answered(running, lambda: self.store.end(call.id, make()))
        if refusal is not None:
            text = f"the answer can't be kept: {refusal}"
            await _repeat_until_answered(
                running, lambda: self.store.end(call.id, _failed(running, text))
            )
        self.metrics.count_for("pub_async_job_calls_done", call.job_name, call.job_version)


async def _repeat_until_answered(
    running: RunningCall, send: Callable[[], Awaitable[None]]
) -> LifecycleError | None:
    """Repeat `send` until Lifecycle has answered; return its refusal, or None.

    A call that another gateway holds by now is left to that gateway.
    """
    pauses = list(_PAUSES_SECONDS)
    while True:
        try:
            await send()
        except LifecycleError as error:
            if error.status in _NOT_OURS:
                logger.warning(
                    f"async call {running.call.id} is no longer held by this gateway: {error}"
                )
                return None
            if error.status < _SERVER_ERROR:
                return error
        except LifecycleUnreachable:
            pass
        else:
            return None
        await asyncio.sleep(pauses.pop(0) if len(pauses) > 1 else pauses[0])


def _answered(running: RunningCall, answer: Answered) -> AsyncCallEnd:
    encoding = BodyEncoding.choose(answer.body)
    return AsyncCallEnd(
        holder=running.holder,
        status=AsyncCallStatus.COMPLETED,
        response_status_code=answer.status,
        response_headers=answer.headers,
        response_body=encoding.encode_body(answer.body),
        body_encoding=encoding,
    )


def _failed(running: RunningCall, error: str) -> AsyncCallEnd:
    return AsyncCallEnd(holder=running.holder, status=AsyncCallStatus.FAILED, error=error)
