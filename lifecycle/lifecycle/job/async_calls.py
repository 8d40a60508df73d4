"""Rules about async calls: one call for each idempotency key, and no strangers' hands on calls."""

from dataclasses import dataclass
from datetime import datetime

from racetrack_client.entities import AuthScope
from racetrack_client.log.errors import (
    AlreadyExists,
    EntityNotFound,
    UnauthorizedError,
    ValidationError,
)
from racetrack_commons.entities.async_calls import (
    AsyncCallStatus,
    NewAsyncCall,
    OwnAsyncCalls,
    OwnAsyncCallsQuery,
)
from racetrack_commons.entities.dto import ChangeKind

from lifecycle.auth.authenticate import AuthSubject, InvalidToken
from lifecycle.auth.authorize import has_global_scope
from lifecycle.auth.browser_sessions import BrowserSessions, SessionPurpose
from lifecycle.config import Config
from lifecycle.database.unit_of_work import UnitOfWork
from lifecycle.domain.async_call_quota import AsyncCallQuota
from lifecycle.domain.async_call_start import AsyncCallStart, WantedAsyncCalls
from lifecycle.domain.listed_jobs import Page


class IdempotencyKeyReused(AlreadyExists):
    """The caller used the key for another request."""


class KeyWithoutCaller(ValidationError):
    """A key is no secret: another caller without a token might use the same."""


class VisitorUnknown(UnauthorizedError):
    """A visitor of async calls shows no valid token."""


@dataclass(frozen=True)
class AsyncCallVisitors:
    """Finds out which auth subjects start calls and ask about them."""

    sessions: BrowserSessions

    def make_start(self, new: NewAsyncCall) -> AsyncCallStart:
        """Return the circumstances of a new call; raises KeyWithoutCaller."""
        subject = self._find(new.token)
        caller_id = subject.id or "" if subject else ""
        is_known = bool(caller_id) or (subject is not None and subject.is_anonymous)
        if new.idempotency_key is not None and not is_known:
            raise KeyWithoutCaller(
                "an Idempotency-Key needs a caller that is known: send the token of a user, an ESC or a job,"
                " or leave the key out"
            )
        return AsyncCallStart(new.caller, caller_id, new.idempotency_key, new.fingerprint)

    def require(self, token: str) -> AuthSubject:
        """Return the visitor; raises VisitorUnknown."""
        subject = self._find(token)
        if subject is None:
            raise VisitorUnknown("the auth token is missing, or not valid")
        return subject

    def _find(self, token: str) -> AuthSubject | None:
        try:
            return self.sessions.authenticate(token, SessionPurpose.JOBS)
        except InvalidToken:
            return None


def start_call(
    uow: UnitOfWork, new: NewAsyncCall, start: AsyncCallStart, config: Config, now: datetime
) -> str:
    """Store a new call and return its id, or that of the call that the caller started with the same key before.

    Raises IdempotencyKeyReused, DiskFull, TooManyRequests, or AlreadyExists.
    """
    key = start.idempotency_key
    earlier = uow.async_call_leases.find_started(start.caller_id, key) if key is not None else None
    if earlier is not None and earlier.fingerprint != start.fingerprint:
        raise IdempotencyKeyReused(
            "this Idempotency-Key was used for another request: repeat that request as it was,"
            " or use a new key for this one"
        )
    if earlier is not None:
        return earlier.call_id
    size = len(new.call.request_body)
    config.disk_space.check_room(size)
    use = uow.async_call_leases.measure_use(new.call.job_name, new.caller)
    make_quota(config).check_new(use, size)
    uow.async_call_leases.add(new.call, new.lease, now, start)
    return new.call.id


def make_quota(config: Config) -> AsyncCallQuota:
    """Read the settings of what may be kept."""
    return AsyncCallQuota(config.async_max_calls, config.async_max_bytes)


def check_may_touch(uow: UnitOfWork, visitor: AuthSubject, caller_id: str, call_id: str) -> None:
    """Let the starter of a call pass, and administrators; raises EntityNotFound for all others."""
    if visitor.id == caller_id or has_global_scope(uow, visitor, AuthScope.CALL_ADMIN_API):
        return
    raise EntityNotFound(f"there is no async call {call_id}")


def cancel_call(
    uow: UnitOfWork, call_id: str, visitor: AuthSubject | None, now: datetime
) -> AsyncCallStatus:
    """End a call, unless it has ended, and return its status; gateways that run it are told."""
    by = f" by {visitor.description}" if visitor else ""
    if uow.async_call_leases.cancel(call_id, f"the call was cancelled{by}", now):
        uow.record_change(ChangeKind.ASYNC_CALL, call_id)
    return uow.async_calls.get_status(call_id)


def read_own_calls(
    uow: UnitOfWork, visitor: AuthSubject, query: OwnAsyncCallsQuery
) -> OwnAsyncCalls:
    """Return a page of the calls that the visitor has started, the newest first."""
    if visitor.id is None and not visitor.is_anonymous:
        return OwnAsyncCalls(calls=[], total=0)  # Services have no calls of their own.
    wanted = WantedAsyncCalls(
        visitor.id or "", query.job_name, query.job_version, tuple(query.statuses)
    )
    return uow.async_call_leases.read_started(wanted, Page(query.limit, query.offset))
