"""Reaching a job: authorizing its caller, choosing a replica, and trying again while the job moves or restarts."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Generic, TypeVar

from racetrack_commons.clock import Clock
from racetrack_commons.entities.lifecycle_client import LifecycleError, LifecycleUnreachable

from pub.metrics import PubMetrics
from pub.proxy.errors import behind_a_gateway, moved_during_outage, refused, unknown, unreachable
from pub.proxy.upstream import (
    ConnectionBroken,
    ConnectionRefused,
    ConnectionTimedOut,
    Misdirected,
    ResponseTimedOut,
    UpstreamError,
)
from pub.routing.resolver import RouteResolver
from pub.routing.route import Route, RouteQuery

Opened = TypeVar("Opened")
# A job that restarts at its address usually answers within the sum of these pauses, or not soon.
RESTART_PAUSES_SECONDS = (0.05, 0.1, 0.2, 0.4)
EJECTED_SECONDS = 5.0
GIVEN_UP_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Connected(Generic[Opened]):
    """An opened answer or WebSocket, and the replica that it came from."""

    route: Route
    address: str
    opened: Opened


@dataclass(frozen=True, slots=True)
class FirstAttempt:
    """The first attempt of a call, whose replica was chosen before."""

    address: str | None
    """The address of the replica; None if there is none."""
    error: UpstreamError | None = None
    """The error of the attempt, if it was made already."""


class Replicas:
    """Chooses replicas in turn; one that refused a connection is left out for a while."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._turns: dict[tuple[str, str], int] = {}
        self._ejected: dict[str, float] = {}
        self._given_up: dict[str, float] = {}

    def find_address(self, route: Route, tried: Collection[str] = ()) -> str | None:
        """Return an address that was not tried yet, preferably not an ejected one; None when all were tried."""
        if len(route.addresses) == 1:
            return None if route.addresses[0] in tried else route.addresses[0]
        untried = [address for address in route.addresses if address not in tried]
        healthy = [address for address in untried if not self._is_in(self._ejected, address)]
        addresses = healthy or untried
        if not addresses:
            return None
        # Each job has its own counter: with a shared one, two jobs called alternately would stick to one replica each.
        turn = self._turns.get((route.name, route.version), -1) + 1
        self._turns[route.name, route.version] = turn
        return addresses[turn % len(addresses)]

    def eject(self, address: str) -> None:
        """Leave an address out for `EJECTED_SECONDS`, unless no other is left."""
        self._note(self._ejected, address, EJECTED_SECONDS)

    def give_up(self, address: str) -> None:
        """Note that waiting for a restart at the address failed: later calls do not wait for it, too."""
        self._note(self._given_up, address, GIVEN_UP_SECONDS)

    def is_given_up(self, address: str) -> bool:
        """Return whether a wait for this address failed in the last `GIVEN_UP_SECONDS`."""
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
    """The attempts that are left for one call."""

    tried: set[str]
    pauses: list[float]
    may_repeat_sent: bool

    def may_follow(self, error: UpstreamError) -> bool:
        """Return whether another attempt may follow: always when nothing was sent, else once if repeating is safe."""
        if error.is_unsent:
            return True
        may_repeat = isinstance(error, ConnectionBroken) and self.may_repeat_sent
        self.may_repeat_sent = False
        return may_repeat


class JobConnector:
    """Authorizes calls and opens connections to their jobs; resolves the route again when the address is dead."""

    def __init__(
        self, resolver: RouteResolver, replicas: Replicas, metrics: PubMetrics, *, is_debug: bool
    ) -> None:
        self._resolver = resolver
        self._replicas = replicas
        self._metrics = metrics
        self._is_debug = is_debug

    async def authorize(self, query: RouteQuery) -> Route:
        """Return the route of the job; raise CallFailed when the caller may not call it or the job can't be reached."""
        try:
            route = await self._resolver.resolve(query)
        except LifecycleError as error:
            raise refused(error, is_debug=self._is_debug) from error
        except LifecycleUnreachable as error:
            raise unknown() from error
        if route.is_remote:
            raise behind_a_gateway(route)
        return route

    async def connect(
        self,
        query: RouteQuery,
        route: Route,
        open_: Callable[[Route, str], Awaitable[Opened]],
        *,
        is_repeatable: bool,
        first: FirstAttempt | None = None,
    ) -> Connected[Opened]:
        """Call `open_` with the route and a replica's address until an attempt succeeds; raise CallFailed when none does.

        A refused connection means that the job moved or restarts. A repeatable call is sent once more even when the job
        may have seen it.
        """
        first = first or FirstAttempt(self._replicas.find_address(route))
        address, error = first.address, first.error
        attempts = _Attempts(set(), list(RESTART_PAUSES_SECONDS), is_repeatable)
        if address is not None and self._replicas.is_given_up(address):
            attempts.pauses.clear()
        last: UpstreamError | None = None
        while address is not None:
            if error is None:
                try:
                    return Connected(route, address, await open_(route, address))
                except UpstreamError as caught:
                    error = caught
            last, error = error, None
            self._note(query, last)
            if not attempts.may_follow(last):
                break
            attempts.tried.add(address)
            self._replicas.eject(address)
            route, address = await self._look_again(query, route, last, attempts)
        if self._resolver.is_lifecycle_away:
            raise moved_during_outage(route) from last
        raise unreachable(route, last) from last

    async def _look_again(
        self, query: RouteQuery, route: Route, error: UpstreamError, attempts: _Attempts
    ) -> tuple[Route, str | None]:
        """Return the current route and the next address to try: a tried one only after a pause; None to give up."""
        address = self._replicas.find_address(route, attempts.tried)
        if address is None:
            self._resolver.doubt(query.job.name)
            route = await self.authorize(query)
            address = self._replicas.find_address(route, attempts.tried)
        if address is None and not isinstance(error, ConnectionTimedOut):
            if not attempts.pauses:
                for given_up in route.addresses:
                    self._replicas.give_up(given_up)
                return route, None
            await asyncio.sleep(attempts.pauses.pop(0))
            attempts.tried.clear()
            self._resolver.doubt(query.job.name)
            route = await self.authorize(query)
            address = self._replicas.find_address(route)
        return route, address

    def _note(self, query: RouteQuery, error: UpstreamError) -> None:
        self._metrics.count("pub_job_proxy_errors")
        if isinstance(error, Misdirected):
            # This call may not be repeatable, but the next one must get the job's new address.
            self._resolver.doubt(query.job.name)
        if isinstance(error, ConnectionRefused | Misdirected):
            self._metrics.count("pub_job_proxy_connection_refused_errors")
        elif isinstance(error, ConnectionTimedOut | ResponseTimedOut):
            self._metrics.count("pub_job_proxy_context_deadline_errors")
        else:
            self._metrics.count("pub_job_proxy_connection_broken_errors")
