"""Async calls of jobs, and the leases under which gateways run them."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from racetrack_client.log.errors import AlreadyExists, EntityNotFound
from racetrack_commons.entities.async_calls import (
    AsyncCallClaim,
    AsyncCallEnd,
    AsyncCallLease,
    AsyncCallStatus,
    AsyncCallSummary,
    AsyncJobCallDto,
    BodyEncoding,
    ClaimedAsyncCall,
    OwnAsyncCalls,
)
from sqlalchemy import ColumnElement, Select, case, delete, func, select, true, update
from sqlalchemy.orm import Session

from lifecycle.database.session import execute_counting, require_found
from lifecycle.database.tables.job import AsyncJobCallLeaseRow, AsyncJobCallRow
from lifecycle.domain.async_call_start import AsyncCallStart, EarlierStart, WantedAsyncCalls
from lifecycle.domain.listed_jobs import Page
from lifecycle.domain.stored_amount import KeptCallsUse, StoredAmount

_BODIES = ("request_body", "response_body")
_OTHERS = {"started_at", "ended_at", "response_headers", "body_encoding", *_BODIES}
_COLUMNS_AS_IN_DTO = sorted(AsyncJobCallDto.model_fields.keys() - _OTHERS)
_SHOWN_COLUMNS = [getattr(AsyncJobCallRow, name) for name in AsyncCallSummary.model_fields]
_OF_NO_ONE = AsyncCallStart()
_CLAIMED_ELSEWHERE = 100
"""The calls of a job that other gateways may claim at the same moment; the turns of more calls are not computed."""


class AsyncCallTaken(AlreadyExists):
    """The call has ended, or another gateway runs it: its former holder must not write to it any more."""


class AsyncCallRepository:
    """The rows of `registry_asyncjobcall`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, call_id: str) -> AsyncJobCallDto:
        """Return the call of that id; raises EntityNotFound."""
        row = require_found(
            self._session.get(AsyncJobCallRow, call_id), f"there is no async call {call_id}"
        )
        return _to_dto(row)

    def get_status(self, call_id: str) -> AsyncCallStatus:
        """Return the status of a call, without loading its bodies; raises EntityNotFound."""
        query = select(AsyncJobCallRow.status).where(AsyncJobCallRow.id == call_id)
        status = require_found(self._session.scalar(query), f"there is no async call {call_id}")
        return AsyncCallStatus(status)

    def save(self, call: AsyncJobCallDto) -> None:
        """Insert a call, or replace the one of the same id; nothing is written when nothing changed."""
        self._session.merge(AsyncJobCallRow(**_to_values(call)))
        self._session.flush()

    def remove(self, call_id: str) -> None:
        """Delete the call of that id; raises EntityNotFound."""
        statement = delete(AsyncJobCallRow).where(AsyncJobCallRow.id == call_id)
        if not execute_counting(self._session, statement):
            raise EntityNotFound(f"there is no async call {call_id}")

    def remove_before(self, moment: datetime) -> int:
        """Delete the calls that started before `moment`; return how many."""
        statement = delete(AsyncJobCallRow).where(AsyncJobCallRow.started_at < moment)
        return execute_counting(self._session, statement)


def _to_values(call: AsyncJobCallDto) -> dict[str, Any]:
    """Return the columns of a row."""
    values = {column: getattr(call, column) for column in _COLUMNS_AS_IN_DTO}
    for body in _BODIES:
        values[body] = call.body_encoding.decode_body(getattr(call, body))
    return values | {
        "started_at": datetime.fromtimestamp(call.started_at, UTC),
        "ended_at": None if call.ended_at is None else datetime.fromtimestamp(call.ended_at, UTC),
        "response_headers": call.response_headers or None,
    }


def _to_dto(row: AsyncJobCallRow) -> AsyncJobCallDto:
    """Return the call that a row holds."""
    values = {column: getattr(row, column) for column in _COLUMNS_AS_IN_DTO}
    encoding = BodyEncoding.choose(row.request_body, row.response_body)
    return AsyncJobCallDto(
        **values | {"request_headers": row.request_headers or {}},
        started_at=row.started_at,
        ended_at=row.ended_at,
        response_headers=row.response_headers,
        request_body=encoding.encode_body(row.request_body),
        response_body=encoding.encode_body(row.response_body),
        body_encoding=encoding,
    )


class AsyncCallLeaseRepository:
    """The rows of `registry_asyncjobcalllease`; each change is made only while the given holder has the lease."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(
        self,
        call: AsyncJobCallDto,
        lease: AsyncCallLease | None,
        now: datetime,
        start: AsyncCallStart = _OF_NO_ONE,
    ) -> None:
        """Insert a call with the lease of its gateway, or, without one, for any gateway to claim.

        Raises AlreadyExists when there is a call of that id, or of the same caller with the same key.
        """
        if self._session.get(AsyncJobCallRow, call.id) is not None:
            raise AlreadyExists(f"there is an async call {call.id} already")
        row = AsyncJobCallRow(**_to_values(call))
        leased = AsyncJobCallLeaseRow(
            call_id=call.id,
            expires_at=now,
            job_name=call.job_name,
            caller=start.caller,
            size=len(row.request_body),
            caller_id=start.caller_id,
            idempotency_key=start.idempotency_key,
            fingerprint=start.fingerprint or None,
        )
        self._session.add(row)
        self._session.flush()
        if lease:
            _give(leased, row, lease, now)
        self._session.add(leased)
        self._session.flush()

    def find_started(self, caller_id: str, idempotency_key: str) -> EarlierStart | None:
        """Return the call that a caller started with a key, or None."""
        lease = AsyncJobCallLeaseRow
        query = select(lease.call_id, lease.fingerprint).where(
            lease.caller_id == caller_id, lease.idempotency_key == idempotency_key
        )
        found = self._session.execute(query).one_or_none()
        return EarlierStart(found.call_id, found.fingerprint or "") if found else None

    def get_caller_id(self, call_id: str) -> str:
        """Return the id of the auth subject that started a call; empty if it is not known. Raises EntityNotFound."""
        lease = AsyncJobCallLeaseRow
        query = (
            select(func.coalesce(lease.caller_id, ""))
            .select_from(AsyncJobCallRow)
            .outerjoin(lease, lease.call_id == AsyncJobCallRow.id)
            .where(AsyncJobCallRow.id == call_id)
        )
        return require_found(self._session.scalar(query), f"there is no async call {call_id}")

    def read_started(self, wanted: WantedAsyncCalls, page: Page) -> OwnAsyncCalls:
        """Return a page of the calls of a caller, the newest first, and the number of those on all pages."""
        query = _only_wanted(select(*_SHOWN_COLUMNS), wanted)
        newest = query.order_by(AsyncJobCallRow.started_at.desc(), AsyncJobCallRow.id)
        rows = self._session.execute(newest.limit(page.limit).offset(page.offset)).mappings()
        calls = [AsyncCallSummary.model_validate(dict(row)) for row in rows]
        total = self._session.scalar(_only_wanted(select(func.count()), wanted))
        return OwnAsyncCalls(calls=calls, total=total or 0)

    def measure_use(self, job_name: str, caller: str) -> KeptCallsUse:
        """Return the number and size of the kept calls of a job, of a caller, and of all."""
        lease = AsyncJobCallLeaseRow
        return KeptCallsUse(
            of_job=self._measure(lease.job_name == job_name),
            of_caller=self._measure(lease.caller == caller),
            of_all=self._measure(true()),
        )

    def measure_others(self, call_id: str) -> KeptCallsUse:
        """Return the same for the job and the caller of a call, without what that call takes itself."""
        lease = AsyncJobCallLeaseRow
        own = self._session.get(lease, call_id)
        job_name, caller = (own.job_name, own.caller) if own else ("", "")
        is_other = lease.call_id != call_id
        return KeptCallsUse(
            of_job=self._measure(is_other & (lease.job_name == job_name)),
            of_caller=self._measure(is_other & (lease.caller == caller)),
            of_all=self._measure(is_other),
        )

    def _measure(self, condition: ColumnElement[bool]) -> StoredAmount:
        columns = func.count(), func.coalesce(func.sum(AsyncJobCallLeaseRow.size), 0)
        count, size = self._session.execute(select(*columns).where(condition)).one()
        return StoredAmount(count, int(size))

    def has_work(self, now: datetime) -> bool:
        """Return whether there is a call to claim or to delete."""
        query = select(AsyncJobCallLeaseRow.call_id).where(
            (AsyncJobCallLeaseRow.expires_at <= now) | (AsyncJobCallLeaseRow.forget_at <= now)
        )
        return self._session.scalars(query.limit(1)).first() is not None

    def claim(self, claim: AsyncCallClaim, now: datetime) -> list[ClaimedAsyncCall]:
        """Claim calls whose lease has expired: jobs take turns, those of which the gateway runs few calls come first.

        Of one job, those that wait the longest come first.
        """
        if not claim.limit:
            return []
        row, is_free = AsyncJobCallLeaseRow, AsyncJobCallLeaseRow.expires_at <= now
        place = func.row_number().over(
            partition_by=row.job_name, order_by=(row.expires_at, row.call_id)
        )
        waiting = select(row.call_id, row.job_name, place.label("place")).where(is_free).subquery()
        turn = waiting.c.place + _count_running(waiting.c.job_name, claim.running)
        is_allowed = turn <= claim.most_of_job if claim.most_of_job else true()
        free = (
            select(row)
            .join(waiting, waiting.c.call_id == row.call_id)
            # Asked again: another claim may have taken the row since the places were counted.
            .where(is_free, waiting.c.place <= claim.limit + _CLAIMED_ELSEWHERE, is_allowed)
            .order_by(turn, row.expires_at, row.call_id)
            .limit(claim.limit)
            # Without effect on SQLite, which has one writer.
            .with_for_update(of=row, skip_locked=True)
        )
        found = self._session.scalars(free).all()
        return [self._claim(leased, claim.lease, now) for leased in found]

    def renew(self, holders: dict[str, str], expires_at: datetime) -> list[str]:
        """Extend the leases of calls by their ids and holders, even expired ones; return the ids of the calls still held."""
        return [
            call_id
            for call_id, holder in sorted(holders.items())
            if self._change_lease(call_id, holder, expires_at=expires_at)
        ]

    def release(self, call_id: str, holder: str, claimable_at: datetime, error: str | None) -> None:
        """Give a call up, so that any gateway can claim it from `claimable_at` on; without `error` the attempt is not counted.

        Raises AsyncCallTaken.
        """
        self._check_held(call_id, holder, holder=None, expires_at=claimable_at)
        values: dict[str, object] = {"error": error, "retriable_error": True}
        if error is None:
            values = {"attempts": AsyncJobCallRow.attempts - 1}
        self._change_call(call_id, pub_instance_addr="", **values)

    def end(self, call_id: str, end: AsyncCallEnd, now: datetime) -> None:
        """Store the outcome of a call, and delete its request, which may hold secrets; raises AsyncCallTaken."""
        response_body = end.body_encoding.decode_body(end.response_body)
        self._check_held(call_id, end.holder, expires_at=None, size=len(response_body))
        self._change_call(
            call_id,
            status=end.status,
            ended_at=now,
            error=end.error,
            retriable_error=False,
            response_status_code=end.response_status_code,
            response_headers=end.response_headers or None,
            response_body=response_body,
            request_headers=None,
            request_body=b"",
        )

    def cancel(self, call_id: str, error: str, now: datetime) -> bool:
        """End a call as failed, whether it runs or waits, and delete its request; return whether it had not ended yet."""
        statement = update(AsyncJobCallLeaseRow).where(
            AsyncJobCallLeaseRow.call_id == call_id, AsyncJobCallLeaseRow.expires_at.is_not(None)
        )
        if not execute_counting(self._session, statement.values(expires_at=None, size=0)):
            return False
        self._change_call(
            call_id,
            status=AsyncCallStatus.FAILED,
            ended_at=now,
            error=error,
            retriable_error=False,
            request_headers=None,
            request_body=b"",
        )
        return True

    def note_delivery(self, call_id: str, forget_at: datetime) -> None:
        """Schedule the deletion of an ended call; only its first delivery counts."""
        statement = update(AsyncJobCallLeaseRow).where(
            AsyncJobCallLeaseRow.call_id == call_id,
            AsyncJobCallLeaseRow.expires_at.is_(None),
            AsyncJobCallLeaseRow.forget_at.is_(None),
        )
        execute_counting(self._session, statement.values(forget_at=forget_at))

    def remove_delivered(self, now: datetime) -> int:
        """Delete the calls whose scheduled deletion is due; return how many."""
        delivered = select(AsyncJobCallLeaseRow.call_id).where(
            AsyncJobCallLeaseRow.forget_at <= now
        )
        statement = delete(AsyncJobCallRow).where(AsyncJobCallRow.id.in_(delivered))
        return execute_counting(self._session, statement)

    def _claim(
        self, leased: AsyncJobCallLeaseRow, lease: AsyncCallLease, now: datetime
    ) -> ClaimedAsyncCall:
        row = self._session.get_one(AsyncJobCallRow, leased.call_id)
        is_abandoned = leased.holder is not None
        _give(leased, row, lease, now)
        row.attempts += 1
        self._session.flush()
        return ClaimedAsyncCall(**_to_dto(row).model_dump(), is_abandoned=is_abandoned)

    def _check_held(self, call_id: str, holder_now: str, **values: object) -> None:
        if not self._change_lease(call_id, holder_now, **values):
            raise AsyncCallTaken(f"async call {call_id} has ended, or is run by another gateway")

    def _change_lease(self, call_id: str, holder_now: str, **values: object) -> bool:
        statement = update(AsyncJobCallLeaseRow).where(
            AsyncJobCallLeaseRow.call_id == call_id,
            AsyncJobCallLeaseRow.holder == holder_now,
            AsyncJobCallLeaseRow.expires_at.is_not(None),
        )
        return execute_counting(self._session, statement.values(**values)) > 0

    def _change_call(self, call_id: str, **values: object) -> None:
        statement = update(AsyncJobCallRow).where(AsyncJobCallRow.id == call_id)
        execute_counting(self._session, statement.values(**values))


def _give(
    leased: AsyncJobCallLeaseRow, row: AsyncJobCallRow, lease: AsyncCallLease, now: datetime
) -> None:
    leased.holder = row.pub_instance_addr = lease.holder
    leased.expires_at = now + timedelta(seconds=lease.seconds)


def _only_wanted(query: Select[Any], wanted: WantedAsyncCalls) -> Select[Any]:
    call, lease = AsyncJobCallRow, AsyncJobCallLeaseRow
    query = query.select_from(call).join(lease, lease.call_id == call.id)
    query = query.where(lease.caller_id == wanted.caller_id)
    if wanted.job_name:
        query = query.where(call.job_name == wanted.job_name)
    if wanted.job_version:
        query = query.where(call.job_version == wanted.job_version)
    if wanted.statuses:
        query = query.where(call.status.in_(wanted.statuses))
    return query


def _count_running(
    job_name: ColumnElement[str], running: Mapping[str, int]
) -> ColumnElement[int] | int:
    """Return the number of calls that the gateway runs of a job already."""
    cases = [(job_name == name, count) for name, count in sorted(running.items())]
    return case(*cases, else_=0) if cases else 0
