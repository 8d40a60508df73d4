"""Finding a job and reaching it, also while it moves."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Generic, TypeVar

from racetrack_commons.clock import Clock
from racetrack_commons.entities.lifecycle_client import LifecycleError, LifecycleUnreachable

from pub.metrics import PubMetrics
from pub.proxy.errors import behind_a_gateway, lost_sight, refused, unknown, unreachable
from pub.proxy.upstream import (
    ConnectionBroken,
    ConnectionRefused,
    ConnectionTimedOut,
    Misdirected,
    ResponseTimedOut,
    UpstreamError,
)
from pub.routing.resolver import Answers
from pub.routing.route import Question, Route

Opened = TypeVar("Opened")
# A job that is restarted at its address is back within this time, or not soon.
RESTART_PAUSES_SECONDS = (0.05, 0.1, 0.2, 0.4)
EJECTED_SECONDS = 5.0
GIVEN_UP_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Connected(Generic[Opened]):
    """What was opened, and where."""

    route: Route
    address: str
    opened: Opened


class Replicas:
    """Takes replicas in turn; one that refused a connection sits out for a while."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._turns: dict[tuple[str, str], int] = {}
        self._ejected: dict[str, float] = {}
        self._given_up: dict[str, float] = {}

    def choose(self, route: Route, tried: Collection[str] = ()) -> str | None:
        """Return an address that was not tried yet, better one that works; None when there is none."""
        if len(route.addresses) == 1:
            return None if route.addresses[0] in tried else route.addresses[0]
        untried = [address for address in route.addresses if address not in tried]
        healthy = [address for address in untried if not self._is_in(self._ejected, address)]
        addresses = healthy or untried
        if not addresses:
            return None
        # Each job takes turns of its own: with one counter two jobs called alternately would stick to one replica each.
        turn = self._turns.get((route.name, route.version), -1) + 1
        self._turns[route.name, route.version] = turn
        return addresses[turn % len(addresses)]

    def eject(self, address: str) -> None:
        """Let an address sit out."""
        self._note(self._ejected, address, EJECTED_SECONDS)

    def give_up(self, address: str) -> None:
        """Note that waiting for the address was in vain: the next callers need not wait too."""
        self._note(self._given_up, address, GIVEN_UP_SECONDS)

    def is_given_up(self, address: str) -> bool:
        """Whether waiting for the address is in vain."""
        return self._is_in(self._given_up, address)

    def _note(self, moments: dict[str, float], address: str, seconds: float) -> None:
        now = self._clock.monotonic()
        for known in [known for known, until in moments.items() if until <= now]:
            del moments[known]
        moments[address] = now + seconds

    def _is_in(self, moments: dict[str, float], address: str) -> bool:
        return bool(moments) and moments.get(address, 0.0) > self._clock.monotonic()


@dataclass
class _Attempts:
    """How often a call may still be sent."""

    tried: set[str]
    pauses: list[float]
    may_repeat_sent: bool

    def may_follow(self, error: UpstreamError) -> bool:
        """Decide whether to try again: at once when nothing was sent, once when repeating does no harm."""
        if error.is_unsent:
            return True
        may_repeat = isinstance(error, ConnectionBroken) and self.may_repeat_sent
        self.may_repeat_sent = False
        return may_repeat


class JobConnector:
    """Sends a call to where its job is; asks again when nobody is there."""

    def __init__(
        self, answers: Answers, replicas: Replicas, metrics: PubMetrics, *, is_debug: bool
    ) -> None:
        self._answers = answers
        self._replicas = replicas
        self._metrics = metrics
        self._is_debug = is_debug

    async def authorize(self, question: Question) -> Route:
        """Return where the job is, or raise why the caller may not call it."""
        try:
            route = await self._answers.get(question)
        except LifecycleError as error:
            raise refused(error, is_debug=self._is_debug) from error
        except LifecycleUnreachable as error:
            raise unknown() from error
        if route.is_remote:
            raise behind_a_gateway(route)
        return route

    async def connect(
        self,
        question: Question,
        route: Route,
        open_: Callable[[Route, str], Awaitable[Opened]],
        *,
        is_repeatable: bool,
    ) -> Connected[Opened]:
        """Open something at the job's address. A refused connection means that the job moved or restarts.

        What is repeatable may be sent once more even when the job may have seen it.
        """
        address = self._replicas.choose(route)
        attempts = _Attempts(set(), list(RESTART_PAUSES_SECONDS), is_repeatable)
        if address is not None and self._replicas.is_given_up(address):
            attempts.pauses.clear()
        error: UpstreamError | None = None
        while address is not None:
            try:
                return Connected(route, address, await open_(route, address))
            except UpstreamError as caught:
                error = caught
                self._note(question, error)
            if not attempts.may_follow(error):
                break
            attempts.tried.add(address)
            self._replicas.eject(address)
            route, address = await self._look_again(question, route, error, attempts)
        if self._answers.is_lifecycle_away:
            raise lost_sight(route) from error
        raise unreachable(route, error) from error

    async def _look_again(
        self, question: Question, route: Route, error: UpstreamError, attempts: _Attempts
    ) -> tuple[Route, str | None]:
        """Return where the job is now; at its old address only after a pause, as long as there is one."""
        address = self._replicas.choose(route, attempts.tried)
        if address is None:
            self._answers.doubt(question.job.name)
            route = await self.authorize(question)
            address = self._replicas.choose(route, attempts.tried)
        if address is None and not isinstance(error, ConnectionTimedOut):
            if not attempts.pauses:
                for given_up in route.addresses:
                    self._replicas.give_up(given_up)
                return route, None
            await asyncio.sleep(attempts.pauses.pop(0))
            attempts.tried.clear()
            self._answers.doubt(question.job.name)
            route = await self.authorize(question)
            address = self._replicas.choose(route)
        return route, address

    def _note(self, question: Question, error: UpstreamError) -> None:
        self._metrics.count("pub_job_proxy_errors")
        if isinstance(error, Misdirected):
            # The caller may have to send this call again itself; then the next one must not go astray, too.
            self._answers.doubt(question.job.name)
        if isinstance(error, ConnectionRefused | Misdirected):
            self._metrics.count("pub_job_proxy_connection_refused_errors")
        elif isinstance(error, ConnectionTimedOut | ResponseTimedOut):
            self._metrics.count("pub_job_proxy_context_deadline_errors")
        else:
            self._metrics.count("pub_job_proxy_connection_broken_errors")
