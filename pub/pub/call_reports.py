"""Reports of counted calls to Lifecycle, every few seconds: a gateway that is killed loses the calls of that time, no others."""

import asyncio

from racetrack_client.log.logs import get_logger
from racetrack_commons.entities.call_counts import CallReport
from racetrack_commons.entities.lifecycle_client import (
    LifecycleClient,
    LifecycleError,
    LifecycleUnreachable,
)

from pub.call_tally import CallTally

logger = get_logger(__name__)
_MOST_AT_ONCE = 1000
_SERVER_ERROR = 500


class CallReporter:
    """Reports a tally to Lifecycle."""

    def __init__(self, tally: CallTally, lifecycle: LifecycleClient, seconds: float) -> None:
        self._tally = tally
        self._lifecycle = lifecycle
        self._seconds = seconds

    async def report_calls(self) -> None:
        """Report every few seconds until the task is cancelled."""
        while True:
            await asyncio.sleep(self._seconds)
            try:
                await self.report()
            except Exception:  # The loop must survive.
                logger.exception("reporting calls failed")

    async def report(self) -> None:
        """Report what was counted; what Lifecycle does not take now is reported the next time."""
        counts = self._tally.take()
        while counts:
            batch, counts = counts[:_MOST_AT_ONCE], counts[_MOST_AT_ONCE:]
            try:
                await self._lifecycle.request("POST", "calls", CallReport(calls=batch))
            except LifecycleUnreachable:
                self._tally.put_back(batch + counts)
                return
            except LifecycleError as error:
                if error.status >= _SERVER_ERROR:
                    self._tally.put_back(batch + counts)
                else:  # An older Lifecycle does not know this report, and will not the next time.
                    logger.warning(f"Lifecycle refuses the report of calls: {error}")
                return
