"""Fetching decisions from Lifecycle: one request for all calls that wait for the same decision."""

import asyncio
import math

from racetrack_commons.clock import Clock
from racetrack_commons.entities.dto import JobCallAuthData
from racetrack_commons.entities.lifecycle_client import (
    LifecycleClient,
    LifecycleError,
    LifecycleUnreachable,
)

from pub.metrics import PubMetrics
from pub.routing.cache import Decision, Generation, Generations
from pub.routing.route import Key, Route, RouteQuery
from pub.routing.unknown_callers import UnknownCallers

_MAINTENANCE_TYPES = ("", "UnderMaintenance")


class RouteFetcher:
    """Sends queries to Lifecycle; calls with the same query share one request."""

    def __init__(
        self,
        lifecycle: LifecycleClient,
        generations: Generations,
        clock: Clock,
        metrics: PubMetrics,
    ) -> None:
        self._unknown_callers = UnknownCallers(clock)
        self._lifecycle = lifecycle
        self._generations = generations
        self._clock = clock
        self._metrics = metrics
        self._fetching: dict[Key, tuple[Generation, asyncio.Task[Decision]]] = {}

    def fetch(self, query: RouteQuery, *, is_known: bool) -> "asyncio.Task[Decision]":
        """Start a request, or join the one that runs; one about a caller that is not known waits for its turn.

        The task raises LifecycleUnreachable without a decision, TooManyQuestions if too many wait.
        """
        key, generation = query.key, self._generations.current(query.job.name)
        # A request that was sent before a change may bring a decision that is outdated already.
        if (fetching := self._fetching.get(key)) and fetching[0] == generation:
            return fetching[1]
        fetch = self._fetch if is_known else self._fetch_in_turn
        task = asyncio.create_task(fetch(query, generation))
        self._fetching[key] = (generation, task)
        task.add_done_callback(lambda done: self._forget(key, done))
        return task

    async def close(self) -> None:
        """Cancel all requests."""
        tasks = [task for _, task in self._fetching.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _forget(self, key: Key, done: "asyncio.Task[Decision]") -> None:
        if (fetching := self._fetching.get(key)) and fetching[1] is done:
            del self._fetching[key]
        if not done.cancelled():
            # All waiting calls may be gone; asyncio warns about an exception that was never retrieved.
            done.exception()

    async def _fetch_in_turn(self, query: RouteQuery, generation: Generation) -> Decision:
        async with self._unknown_callers.turn(query.token):
            decision = await self._fetch(query, generation)
        if decision.is_refusal:
            self._unknown_callers.note_refusal()
        return decision

    async def _fetch(self, query: RouteQuery, generation: Generation) -> Decision:
        started = self._clock.monotonic()
        self._metrics.count("pub_lifecycle_calls")
        try:
            answer = await self._ask_lifecycle(query)
        except LifecycleError as refusal:
            self._metrics.count("pub_auth_failed")
            if refusal.status != 404:
                self._metrics.count("pub_lifecycle_errors")
            if _is_fault(refusal):
                raise LifecycleUnreachable(
                    f"Lifecycle answered {refusal.status}: {refusal}"
                ) from refusal
            return Decision(refusal, started, generation)
        except LifecycleUnreachable:
            self._metrics.count("pub_auth_failed")
            self._metrics.count("pub_lifecycle_errors")
            raise
        self._metrics.count("pub_auth_successful")
        self._metrics.count("pub_lifecycle_call_time", self._clock.monotonic() - started)
        # Counted from before the query was sent, it ends before the token does.
        seconds = math.inf if answer.valid_seconds is None else answer.valid_seconds
        return Decision(Route.read(answer), started, generation, started + seconds)

    async def _ask_lifecycle(self, query: RouteQuery) -> JobCallAuthData:
        job = query.job
        return await self._lifecycle.authorize_call(
            job.name, job.version, job.path, query.token, query.headers
        )


def _is_fault(refusal: LifecycleError) -> bool:
    """Return whether Lifecycle failed instead of deciding.

    Maintenance mode is a decision against all callers; a locked database is a fault, which cached decisions outlast.
    """
    is_maintenance = refusal.status == 503 and refusal.type in _MAINTENANCE_TYPES
    return refusal.status >= 500 and not is_maintenance
