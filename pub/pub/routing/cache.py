"""The cache of Lifecycle's decisions, and the two facts that tell whether a cached decision still holds.

A change of a job or of permissions begins a new generation; an outage of Lifecycle lets older decisions stand in.
"""

import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple

from racetrack_commons.clock import Clock
from racetrack_commons.entities.lifecycle_client import LifecycleError

from pub.routing.route import Key, Route

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 5.0


class Generation(NamedTuple):
    """The numbers of changes so far that a decision about a job family depends on."""

    of_all: int
    """Changes that concern everything."""
    of_family: int
    """Changes of the family, and doubts about it."""
    of_jobs: int
    """Changes of the family that Lifecycle has announced: its jobs may be elsewhere since."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Lifecycle's answer to one query: a route, or a refusal."""

    result: Route | LifecycleError
    asked_at: float
    generation: Generation
    expires_at: float = math.inf
    """When the caller's token expires, on the monotonic clock; the decision is good no longer."""

    @property
    def is_refusal(self) -> bool:
        """True if the caller may not call."""
        return isinstance(self.result, LifecycleError)


class Generations:
    """Counts changes, per job family and overall: a decision of an older generation must be asked for again."""

    def __init__(self) -> None:
        self._of_all = 0
        self._of_family: dict[str, int] = {}
        self._of_jobs: dict[str, int] = {}

    def current(self, family: str) -> Generation:
        """Return the generation to which a decision about the family belongs now."""
        of_family, of_jobs = self._of_family.get(family, 0), self._of_jobs.get(family, 0)
        return Generation(self._of_all, of_family, of_jobs)

    def advance(self, family: str) -> None:
        """Begin a new generation of one family, because something about it may have changed."""
        self._of_family[family] = self._of_family.get(family, 0) + 1

    def note_change(self, family: str) -> None:
        """Begin a new generation of one family, whose jobs have changed: earlier routes may lead to other versions."""
        self.advance(family)
        self._of_jobs[family] = self._of_jobs.get(family, 0) + 1

    def advance_all(self) -> None:
        """Begin a new generation of all families, because a change concerns every decision."""
        self._of_all += 1
        self._of_family.clear()


class DecisionCache:
    """Recent decisions by key; the least recently used is evicted first, and refusals never evict routes."""

    def __init__(self, size: int) -> None:
        self._routes: OrderedDict[Key, Decision] = OrderedDict()
        self._refusals: OrderedDict[Key, Decision] = OrderedDict()
        self._size = size

    def find(self, key: Key) -> Decision | None:
        """Return the latest decision about a key, or None."""
        for decisions in (self._routes, self._refusals):
            if decision := decisions.get(key):
                decisions.move_to_end(key)
                return decision
        return None

    def keep(self, key: Key, decision: Decision) -> None:
        """Store a decision in place of the earlier one about the same key."""
        self._routes.pop(key, None)
        self._refusals.pop(key, None)
        decisions = self._refusals if decision.is_refusal else self._routes
        size = max(1, self._size // 10) if decision.is_refusal else self._size
        decisions[key] = decision
        while len(decisions) > size:
            decisions.popitem(last=False)

    def __len__(self) -> int:
        return len(self._routes) + len(self._refusals)


class Outage:
    """A circuit breaker for Lifecycle: after an unanswered query, further queries pause, longer each time.

    Only queries with a cached decision that may stand in are held back; all others are sent during the pause, too.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._paused_until = 0.0
        self._pause_seconds = _FIRST_PAUSE_SECONDS
        self.has_begun = False
        """True if Lifecycle has been silent since a query was not answered."""

    @property
    def is_pausing(self) -> bool:
        """True if queries whose cached decision may stand in are not sent now."""
        return self._clock.monotonic() < self._paused_until

    def begin(self) -> None:
        """Note that Lifecycle did not answer."""
        self.has_begun = True
        if not self.is_pausing:
            self._paused_until = self._clock.monotonic() + self._pause_seconds
            self._pause_seconds = min(self._pause_seconds * 2, _LONGEST_PAUSE_SECONDS)

    def end_pause(self) -> None:
        """Let the next query be sent."""
        self._paused_until = 0.0

    def end(self) -> None:
        """Note that Lifecycle answered, or sent a change."""
        self.has_begun = False
        self._paused_until = 0.0
        self._pause_seconds = _FIRST_PAUSE_SECONDS
