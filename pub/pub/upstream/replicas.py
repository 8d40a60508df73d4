"""Choosing a replica of a job."""

from collections.abc import Collection

from racetrack_commons.clock import Clock

from pub.routing.route import Route

EJECTED_SECONDS = 5.0
GIVEN_UP_SECONDS = 1.0


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
