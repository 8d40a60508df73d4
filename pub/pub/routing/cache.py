"""Answers that were given, and since which change they may be wrong."""

from collections import OrderedDict
from dataclasses import dataclass

from racetrack_commons.clock import Clock
from racetrack_commons.entities.lifecycle_client import LifecycleError

from pub.routing.route import Key, Route

_FIRST_SECONDS = 0.5
_LONGEST_SECONDS = 5.0
Epoch = tuple[int, int]
"""Digest of the question: short, whatever callers send, and without their tokens."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What Lifecycle said: a route, or why not."""

    result: Route | LifecycleError
    asked_at: float
    epoch: Epoch

    @property
    def is_refusal(self) -> bool:
        """Whether the caller may not call."""
        return isinstance(self.result, LifecycleError)


class Epochs:
    """Counts changes, of each job family and of everything: an answer of an older epoch must be asked for again."""

    def __init__(self) -> None:
        self._of_all = 0
        self._of_family: dict[str, int] = {}

    def of(self, family: str) -> Epoch:
        """Return the epoch in which an answer about the family is given now."""
        return (self._of_all, self._of_family.get(family, 0))

    def advance(self, family: str) -> None:
        """Note a change of one family."""
        self._of_family[family] = self._of_family.get(family, 0) + 1

    def advance_all(self) -> None:
        """Note a change that concerns everything."""
        self._of_all += 1
        self._of_family.clear()


class Memory:
    """The answers of late, the least used forgotten first; refusals can't push out routes."""

    def __init__(self, size: int) -> None:
        self._routes: OrderedDict[Key, Answer] = OrderedDict()
        self._refusals: OrderedDict[Key, Answer] = OrderedDict()
        self._size = size

    def find(self, key: Key) -> Answer | None:
        """Return the last answer."""
        for answers in (self._routes, self._refusals):
            if answer := answers.get(key):
                answers.move_to_end(key)
                return answer
        return None

    def keep(self, key: Key, answer: Answer) -> None:
        """Remember an answer in place of the last one."""
        self._routes.pop(key, None)
        self._refusals.pop(key, None)
        answers = self._refusals if answer.is_refusal else self._routes
        answers[key] = answer
        while len(answers) > (max(1, self._size // 10) if answer.is_refusal else self._size):
            answers.popitem(last=False)

    def __len__(self) -> int:
        return len(self._routes) + len(self._refusals)


class Outage:
    """After a question that was not answered Lifecycle is left alone for a while, longer each time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until = 0.0
        self._seconds = _FIRST_SECONDS
        self.has_begun = False
        """Whether Lifecycle has not spoken since a question was not answered."""

    @property
    def is_on(self) -> bool:
        """Whether not to ask now those questions whose last answer is still known."""
        return self._clock.monotonic() < self._until

    def begin(self) -> None:
        """Note that Lifecycle did not answer."""
        self.has_begun = True
        if not self.is_on:
            self._until = self._clock.monotonic() + self._seconds
            self._seconds = min(self._seconds * 2, _LONGEST_SECONDS)

    def end(self) -> None:
        """Note that Lifecycle spoke."""
        self.has_begun = False
        self._until = 0.0
        self._seconds = _FIRST_SECONDS
