"""Noticing that Lifecycle is away, so that calls don't wait for it one after the other."""

from racetrack_commons.clock import Clock

_FIRST_SECONDS = 0.5
_LONGEST_SECONDS = 5.0


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
