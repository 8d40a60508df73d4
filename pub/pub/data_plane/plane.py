"""The parts of the data plane that all its connections share."""

import asyncio
import random
from dataclasses import dataclass, field
from itertools import count

from racetrack_commons.clock import Clock

from pub.config import PubConfig
from pub.data_plane.call_head import CallHead, CallJudge, RoutedHead
from pub.data_plane.call_log import CallLog
from pub.data_plane.job_answers import AnswerJudge
from pub.data_plane.job_connections import JobConnections
from pub.metrics import PubMetrics
from pub.proxy.connect import JobConnector, Replicas
from pub.proxy.refusals import Refusals
from pub.routing.resolver import RouteResolver

_GENERATION_SECONDS = 60
"""The time after which heads, which hold tokens, begin to be forgotten; twice that long after their last call, they are."""


class TracingIds:
    """Makes ids in the form of UUIDs: the random beginning of this process, then a number that counts up.

    They must be unique, not secret: asking for randomness each time would cost more than routing a call.
    """

    def __init__(self) -> None:
        digits = f"{random.getrandbits(72):018x}"
        self._beginning = f"{digits[:8]}-{digits[8:12]}-4{digits[12:15]}-a{digits[15:]}-"
        self._numbers = count(random.getrandbits(47))

    def make(self) -> str:
        """Return an id that was not made before."""
        return f"{self._beginning}{next(self._numbers):012x}"


@dataclass
class DataPlane:
    """The shared parts, and the number of calls at present."""

    config: PubConfig
    clock: Clock
    metrics: PubMetrics
    resolver: RouteResolver
    connector: JobConnector
    replicas: Replicas
    calls: CallJudge
    answers: AnswerJudge
    jobs: JobConnections
    refusals: Refusals
    log: CallLog
    ids: TracingIds = field(default_factory=TracingIds)
    running: int = 0

    @property
    def is_full(self) -> bool:
        """Return whether there are more calls than allowed."""
        return self.running > self.config.max_concurrent_calls

    def find_routed(self, head: CallHead) -> RoutedHead | None:
        """Return the head of a call on its route; None when only Lifecycle knows the route, or refuses it."""
        resolver = self.resolver
        if head.epoch != resolver.epoch or self.clock.monotonic() >= head.fresh_until:
            fresh = resolver.find_fresh(head.query)
            if fresh is None or fresh.route.is_remote:
                return None
            self.calls.route(head, fresh.route)
            head.epoch, head.fresh_until = resolver.epoch, fresh.until
        return head.routed

    async def look_after(self) -> None:
        """Tell the time to answers without a date, and forget heads that are not used any more, until cancelled."""
        begun_at = self.clock.monotonic()
        while True:
            self.answers.tell_time()
            now = self.clock.monotonic()
            if now - begun_at >= _GENERATION_SECONDS:
                begun_at = now
                self.calls.memory.begin_generation()
            await asyncio.sleep(1)
