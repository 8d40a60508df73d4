"""Questions about callers whom Lifecycle has not accepted: few at once, and slowly after many refusals.

Lifecycle takes milliseconds to refuse a token. Callers with random tokens would otherwise keep it, and this gateway, busy.
"""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from racetrack_commons.auth.token import decode_legacy_token
from racetrack_commons.clock import Clock
from racetrack_commons.entities.lifecycle_client import LifecycleUnreachable

_AT_ONCE = 4
_MOST_OF_A_TOKEN = 100
_MOST = 150
"""The most questions that wait: the last of them gets its turn before its caller gives up."""
_REFUSAL_SECONDS = 1.0
"""The duration of a refusal without a question: callers that repeat it at once would take the time of others."""
_REFUSALS_PER_SECOND = 10.0
_FREE_REFUSALS = 10.0
"""The refusals that are not slowed down, after a time without any."""
_LONGEST_TOKEN = 16 * 1024
_TOKEN = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)
MALFORMED = "malformed"
"""Stands for each token that can't be one, so that all of them share a question and its answer."""


class TooManyQuestions(LifecycleUnreachable):
    """Too many calls wait for an answer of Lifecycle already."""


def has_shape_of_token(token: str) -> bool:
    """Return whether the text is empty or may be a token: three parts of base64, or one of the first generation.

    Endless texts are no tokens.
    """
    if len(token) > _LONGEST_TOKEN:
        return False
    is_signed = not token or _TOKEN.fullmatch(token) is not None
    return is_signed or decode_legacy_token(token) is not None


class UnknownCallers:
    """Admits questions about callers that no cached route allows."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0
        self._of_token: Counter[str] = Counter()
        self._free_refusals = _FREE_REFUSALS
        self._counted_at = clock.monotonic()
        self._next_at = 0.0

    @asynccontextmanager
    async def turn(self, token: str) -> AsyncIterator[None]:
        """Wait for a turn to ask about the holder of a token; raises TooManyQuestions if too many wait."""
        if self._waiting >= _MOST or (token and self._of_token[token] >= _MOST_OF_A_TOKEN):
            await asyncio.sleep(_REFUSAL_SECONDS)
            raise TooManyQuestions("too many calls wait for an answer of Lifecycle")
        self._waiting += 1
        self._of_token[token] += 1
        try:
            async with self._turns:
                await asyncio.sleep(self._choose_pause())
                yield
        finally:
            self._waiting -= 1
            self._of_token[token] -= 1
            if not self._of_token[token]:
                del self._of_token[token]

    def note_refusal(self) -> None:
        """Count a refusal."""
        self._refill()
        self._free_refusals = max(0.0, self._free_refusals - 1)

    def _choose_pause(self) -> float:
        """Return the seconds to wait: none, unless many were refused lately."""
        self._refill()
        if self._free_refusals >= 1:
            return 0.0
        now = self._clock.monotonic()
        self._next_at = max(now, self._next_at + 1 / _REFUSALS_PER_SECOND)
        return self._next_at - now

    def _refill(self) -> None:
        now = self._clock.monotonic()
        gained = (now - self._counted_at) * _REFUSALS_PER_SECOND
        self._counted_at = now
        self._free_refusals = min(_FREE_REFUSALS, self._free_refusals + gained)
