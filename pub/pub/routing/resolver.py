"""Resolving a call to its route: from the cache of Lifecycle's decisions, or by asking Lifecycle."""

import asyncio
from dataclasses import dataclass, replace

from racetrack_commons.clock import Clock
from racetrack_commons.entities.dto import ChangeEvent, ChangeKind
from racetrack_commons.entities.lifecycle_client import LifecycleError, LifecycleUnreachable

from pub.config import PubConfig
from pub.metrics import PubMetrics
from pub.routing.cache import Decision, DecisionCache, Generations, Outage
from pub.routing.fetcher import RouteFetcher
from pub.routing.route import Route, RouteQuery
from pub.routing.unknown_callers import MALFORMED, TooManyQuestions, has_shape_of_token

UNWATCHED_TTL_SECONDS = 1.0
REFUSAL_TTL_SECONDS = 1.0
PATIENCE_SECONDS = 1.0
DOUBT_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class FreshRoute:
    """A route that may be used without asking: until that time, and within the epoch in which it was found."""

    route: Route
    until: float


class RouteResolver:
    """Resolves queries to routes, and decides how long each decision of Lifecycle may be used."""

    def __init__(
        self,
        fetcher: RouteFetcher,
        generations: Generations,
        config: PubConfig,
        clock: Clock,
        metrics: PubMetrics,
    ) -> None:
        self._fetcher = fetcher
        self._generations = generations
        self._config = config
        self._clock = clock
        self._metrics = metrics
        self._cache = DecisionCache(config.cache_size)
        self._outage = Outage(clock)
        self._is_watched = False
        self._doubted_at: dict[str, float] = {}
        self.epoch = 0
        """The number of events that may have ended the freshness of decisions."""
        self.has_met_lifecycle = False
        """True if Lifecycle has answered at least once."""

    @property
    def is_lifecycle_away(self) -> bool:
        """True if routes may be outdated, because Lifecycle does not answer."""
        return self._outage.has_begun

    @property
    def is_watched(self) -> bool:
        """True if the stream of changes is connected."""
        return self._is_watched

    async def resolve(self, query: RouteQuery) -> Route:
        """Return the route of the job.

        Raises LifecycleError when Lifecycle refuses the call, LifecycleUnreachable when no usable decision is known.
        """
        known = self._cache.find(query.key)
        if known is None and not has_shape_of_token(query.token):
            query = replace(query, token=MALFORMED)
            known = self._cache.find(query.key)
        if known is not None and self._is_fresh(known, query.job.name):
            self._metrics.count("pub_lifecycle_cache_retrieved_responses")
            decision = known
        else:
            decision = await self._decide(query, known)
        if isinstance(decision.result, LifecycleError):
            # A new error each time: raising adds a traceback to an exception, and a cached one would collect them.
            refusal = decision.result
            raise LifecycleError(refusal.status, refusal.error, refusal.type)
        return decision.result

    def find_fresh(self, query: RouteQuery) -> FreshRoute | None:
        """Return the route of a decision that holds; None if Lifecycle has to be asked, or has refused the call."""
        known = self._cache.find(query.key)
        if known is None or isinstance(known.result, LifecycleError):
            return None
        if not self._is_fresh(known, query.job.name):
            return None
        return FreshRoute(known.result, self._compute_end(known))

    def start_watching(self) -> None:
        """Note that the stream of changes is connected; earlier changes may have been missed."""
        self.epoch += 1
        self.has_met_lifecycle = True
        self._is_watched = True
        self._generations.advance_all()
        self._outage.end()

    def stop_watching(self) -> None:
        """Note that the stream of changes is broken; decisions are valid for a second only."""
        self.epoch += 1
        self._is_watched = False

    def note_change(self, change: ChangeEvent) -> None:
        """Invalidate the decisions that a change concerns."""
        self._outage.end()
        if change.kind == ChangeKind.ASYNC_CALL:
            return
        self.epoch += 1
        if change.kind == ChangeKind.JOB and change.subject:
            self._generations.note_change(change.subject)
        else:
            self._generations.advance_all()

    def doubt(self, family: str) -> None:
        """Invalidate the routes of a family whose job was not where they lead; at most once in `DOUBT_SECONDS`."""
        self._outage.end_pause()  # A decision that leads nowhere can't stand in.
        now = self._clock.monotonic()
        if now - self._doubted_at.get(family, -DOUBT_SECONDS) >= DOUBT_SECONDS:
            self.epoch += 1
            self._doubted_at[family] = now
            self._generations.advance(family)

    def _is_fresh(self, decision: Decision, family: str) -> bool:
        if decision.generation != self._generations.current(family):
            return False
        return self._clock.monotonic() < self._compute_end(decision)

    def _compute_end(self, decision: Decision) -> float:
        ttl = self._config.lifecycle_cache_ttl_min if self._is_watched else UNWATCHED_TTL_SECONDS
        ttl = min(ttl, REFUSAL_TTL_SECONDS) if decision.is_refusal else ttl
        return min(decision.asked_at + ttl, decision.expires_at)

    async def _decide(self, query: RouteQuery, known: Decision | None) -> Decision:
        fallback = known if known is not None and self._is_usable(known, query.job.name) else None
        if fallback is not None and self._outage.is_pausing:
            return self._recover(fallback)
        try:
            async with asyncio.timeout(self._patience(query, fallback)):
                fetching = self._fetcher.fetch(query, is_known=fallback is not None)
                decision = await asyncio.shield(fetching)
        except TooManyQuestions:
            raise
        except (LifecycleUnreachable, TimeoutError) as error:
            self._outage.begin()
            if fallback is None:
                raise LifecycleUnreachable(str(error)) from error
            return self._recover(fallback)
        self.has_met_lifecycle = True
        self._outage.end()
        self._cache.keep(query.key, decision)
        return decision

    def _is_usable(self, decision: Decision, family: str) -> bool:
        """Return whether an expired decision may stand in while Lifecycle does not answer.

        A route from before a change of the job may not: it could lead to a version that was replaced.
        """
        if decision.generation.of_jobs != self._generations.current(family).of_jobs:
            return False
        oldest = decision.asked_at + self._config.lifecycle_cache_ttl_max
        end = min(oldest, decision.expires_at)
        return not decision.is_refusal and self._clock.monotonic() < end

    def _patience(self, query: RouteQuery, fallback: Decision | None) -> float:
        """Return the seconds to wait for Lifecycle: longer after a known change than after a mere expiry."""
        is_changed = fallback is None or fallback.generation != self._generations.current(
            query.job.name
        )
        return self._config.lifecycle_timeout_seconds if is_changed else PATIENCE_SECONDS

    def _recover(self, fallback: Decision) -> Decision:
        self._metrics.count("pub_lifecycle_cache_recovered_failed_responses")
        return fallback
