"""Threads of routes that must not take the threads of other routes, or must not wait for them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread
from racetrack_client.log.errors import TooManyRequests
from racetrack_commons.api.turns import Turns
from racetrack_commons.clock import Clock

from lifecycle.auth.password_check import FAILURE_SECONDS, WrongCredentials

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")
_RETRY_SECONDS = 2.0


class TooBusy(TooManyRequests):
    """Too many requests of this kind wait already."""


class BoundedThreads:
    """Runs functions in a few threads of its own; a bounded number of them waits."""

    def __init__(self, threads: int, waiting: int) -> None:
        self._limiter = CapacityLimiter(threads)
        self._most = threads + waiting
        self._present = 0

    async def run(
        self,
        function: Callable[_Arguments, _Result],
        *args: _Arguments.args,
        **kwargs: _Arguments.kwargs,
    ) -> _Result:
        """Return what the function returns; raises TooBusy if too many wait."""
        if self._present >= self._most:
            raise TooBusy("too many requests of this kind wait: try again soon", _RETRY_SECONDS)
        self._present += 1
        try:
            return await to_thread.run_sync(
                partial(function, *args, **kwargs), limiter=self._limiter
            )
        finally:
            self._present -= 1


@dataclass(frozen=True)
class RouteThreads:
    """The threads of each kind of route that has some."""

    clock: Clock
    strangers: Turns = field(default_factory=Turns)
    """For requests without a token or a session: they begin in turns."""
    calls: BoundedThreads = field(default_factory=lambda: BoundedThreads(16, waiting=1000))
    """For PUB's questions, which never wait behind slow routes."""
    passwords: BoundedThreads = field(default_factory=lambda: BoundedThreads(4, waiting=40))
    """For log-ins and changes of passwords: each hash takes a core for a while, and strangers may ask for some."""
    registrations: BoundedThreads = field(default_factory=lambda: BoundedThreads(1, waiting=20))
    """For registrations, one at a time: log-ins never wait behind more than one."""
    registration_turns: Turns = field(default_factory=lambda: Turns(2, at_once=5, most_waiting=20))
    """For registrations before that: together they must not take the time of others."""
    stops: BoundedThreads = field(default_factory=lambda: BoundedThreads(8, waiting=200))
    """For routes that wait until a job has stopped."""

    async def wait_to_register(self, address: str) -> None:
        """Wait until a registration from an address may begin; raises TooBusy."""
        if not await self.registration_turns.wait(address):
            raise TooBusy("too many registrations wait: try again soon", _RETRY_SECONDS)

    async def run_with_password(
        self,
        function: Callable[_Arguments, _Result],
        *args: _Arguments.args,
        **kwargs: _Arguments.kwargs,
    ) -> _Result:
        """Return what a function that checks a password returns; each refusal takes as long, and no thread meanwhile."""
        begun_at = self.clock.monotonic()
        try:
            return await self.passwords.run(function, *args, **kwargs)
        except WrongCredentials:
            elapsed = self.clock.monotonic() - begun_at
            await asyncio.sleep(max(0.0, FAILURE_SECONDS - elapsed))
            raise
