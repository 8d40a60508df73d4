"""Reports of counted calls to Lifecycle, every few seconds: a gateway that is killed loses the calls of that time, no others."""

import asyncio

from racetrack_client.log.logs import get_logger
from racetrack_commons.entities.call_counts import CallCount, CallReport
from racetrack_commons.entities.lifecycle_client import (
    LifecycleClient,
    LifecycleError,
    LifecycleUnreachable,
)

from pub.call_tally import CallTally

logger = get_logger(__name__)
_MOST_AT_ONCE = 1000
_NOT_UNDERSTOOD = {404, 405, 422}
"""The answers of an older Lifecycle, which does not know such a report, and will not the next time."""
_FINISH_SECONDS = 3


class CallReporter:
    """Reports a tally to Lifecycle."""

    def __init__(
        self,
        tally: CallTally,
        lifecycle: LifecycleClient,
        seconds: float,
        finish_seconds: float = _FINISH_SECONDS,
    ) -> None:
        self._tally = tally
        self._lifecycle = lifecycle
        self._seconds = seconds
        self._finish_seconds = finish_seconds
        self._reporting: asyncio.Task[None] | None = None

    async def report_calls(self) -> None:
        """Report every few seconds until the task is cancelled; a report that has begun goes on until `finish`."""
        while True:
            await asyncio.sleep(self._seconds)
            self._reporting = asyncio.create_task(self._try_to_report())
            await asyncio.shield(self._reporting)

    async def finish(self) -> None:
        """Let the report that has begun end, then report the rest; each takes a few seconds at most."""
        if self._reporting is not None:
            await self._end_within_seconds(self._reporting)
        await self._end_within_seconds(asyncio.create_task(self._try_to_report()))

    async def report(self) -> None:
        """Report what was counted; what Lifecycle does not take now is kept for the next time, and the error is raised."""
        left = self._tally.take()
        try:
            while left:
                await self._send(left[:_MOST_AT_ONCE])
                left = left[_MOST_AT_ONCE:]
        finally:
            self._tally.put_back(left)

    async def _send(self, batch: list[CallCount]) -> None:
        try:
            await self._lifecycle.request("POST", "calls", CallReport(calls=batch))
        except LifecycleError as error:
            if error.status not in _NOT_UNDERSTOOD:
                raise
            logger.warning(f"Lifecycle does not understand a report of calls: {error}")

    async def _try_to_report(self) -> None:
        try:
            await self.report()
        except (LifecycleError, LifecycleUnreachable) as error:
            logger.warning(f"calls are reported later: {error}")
        except Exception:  # The loop must survive.
            logger.exception("reporting calls failed")

    async def _end_within_seconds(self, reporting: asyncio.Task[None]) -> None:
        await asyncio.wait({reporting}, timeout=self._finish_seconds)
        reporting.cancel()
        await asyncio.wait({reporting})
