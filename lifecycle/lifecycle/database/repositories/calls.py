"""Counts of calls, by day, version of a job, and caller."""

from datetime import date

from sqlalchemy import case, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from lifecycle.database.session import execute_counting
from lifecycle.database.tables.calls import JobCallsRow
from lifecycle.domain.calls import JobCalls

_KEY = ("job_name", "day", "job_version", "caller")


class CallRepository:
    """The rows of `registry_jobcalls`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, calls: JobCalls) -> None:
        """Add calls to those of the same day, version and caller, which may be of another gateway."""
        is_postgres = self._session.get_bind().dialect.name == "postgresql"
        insert = postgresql.insert if is_postgres else sqlite.insert
        new = insert(JobCallsRow).values(
            job_name=calls.job_name,
            day=calls.last_call_time.date().isoformat(),
            job_version=calls.job_version,
            caller=calls.caller,
            count=calls.count,
            last_call_time=calls.last_call_time,
        )
        added, known = new.excluded, JobCallsRow
        is_later = added.last_call_time > known.last_call_time
        latest = case((is_later, added.last_call_time), else_=known.last_call_time)
        changed = {"count": known.count + added.count, "last_call_time": latest}
        self._session.execute(new.on_conflict_do_update(index_elements=_KEY, set_=changed))

    def list_since(self, job_name: str, day: date) -> list[JobCalls]:
        """List the calls of all versions of a job from a day on, by version and caller, the latest first."""
        row = JobCallsRow
        last = func.max(row.last_call_time, type_=row.last_call_time.type)
        query = (
            select(row.job_version, row.caller, func.sum(row.count), last)
            .where(row.job_name == job_name, row.day >= day.isoformat())
            .group_by(row.job_version, row.caller)
            .order_by(last.desc())
        )
        return [
            JobCalls(job_name, version, caller, int(count), moment)
            for version, caller, count, moment in self._session.execute(query)
        ]

    def remove_before(self, day: date) -> int:
        """Delete the rows of earlier days; return how many."""
        statement = delete(JobCallsRow).where(JobCallsRow.day < day.isoformat())
        return execute_counting(self._session, statement)
