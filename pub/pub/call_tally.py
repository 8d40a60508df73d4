"""The tally of calls: the number and the last time, by job and caller, since the last report to Lifecycle."""

import time

from racetrack_commons.entities.call_counts import CallCount

_PROBES = {"/live", "/ready", "/health"}
_LOOKS = {"/metrics", "/openapi.json"}
"""The paths at which monitors and dashboards look at a job, also with a token."""
_MOST_CALLERS = 10_000
"""The most callers and jobs that are told apart between two reports; further callers are counted without their names."""


class _Count:
    """The calls of one caller; changed in place, because each call of a job passes here."""

    __slots__ = ("calls", "last_call_time")

    def __init__(self) -> None:
        self.calls = 0
        self.last_call_time = 0.0


class CallTally:
    """Counts calls in memory."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str, str], _Count] = {}

    def note(self, name: str, version: str, caller: str | None, path: str) -> None:
        """Count a call of a job; neither a look at it nor a probe without a token, such as that of a load balancer, is one."""
        if path in _LOOKS or (caller is None and path in _PROBES):
            return
        count = self._counts.get((name, version, caller or ""))
        if count is None:
            count = self._add(name, version, caller or "")
        count.calls += 1
        count.last_call_time = time.time()

    def take(self) -> list[CallCount]:
        """Return what was counted, and begin again."""
        counts, self._counts = self._counts, {}
        return [
            CallCount(
                job_name=name,
                job_version=version,
                caller=caller,
                count=count.calls,
                last_call_time=count.last_call_time,
            )
            for (name, version, caller), count in counts.items()
        ]

    def put_back(self, counts: list[CallCount]) -> None:
        """Add what could not be reported to what was counted meanwhile."""
        for each in counts:
            key = (each.job_name, each.job_version, each.caller)
            count = self._counts.get(key) or self._add(*key)
            count.calls += each.count
            count.last_call_time = max(count.last_call_time, each.last_call_time)

    def _add(self, name: str, version: str, caller: str) -> _Count:
        known = caller if len(self._counts) < _MOST_CALLERS else ""
        return self._counts.setdefault((name, version, known), _Count())
