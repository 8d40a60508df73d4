"""Endpoints of jobs that may be called without a token, once staff has agreed."""

from collections.abc import Iterable
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from lifecycle.database.tables import JobRow, PublicEndpointRow


class PublicEndpointRepository:
    """The rows of `registry_publicendpointrequest`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def request(self, job_id: str, endpoints: Iterable[str]) -> None:
        """Ask for endpoints to be public; those asked for before stay as they are."""
        query = select(PublicEndpointRow.endpoint).where(PublicEndpointRow.job_id == job_id)
        known = set(self._session.scalars(query))
        for endpoint in dict.fromkeys(endpoints):
            if endpoint not in known:
                row = PublicEndpointRow(
                    id=str(uuid4()), job_id=job_id, endpoint=endpoint, active=False
                )
                self._session.add(row)
        self._session.flush()

    def list_active(self, job_name: str, job_version: str) -> list[str]:
        """List the endpoints of a job that anybody may call."""
        query = (
            select(PublicEndpointRow.endpoint)
            .join(JobRow, JobRow.id == PublicEndpointRow.job_id)
            .where(
                JobRow.name == job_name,
                JobRow.version == job_version,
                PublicEndpointRow.active,
            )
            .order_by(PublicEndpointRow.endpoint)
        )
        return list(self._session.scalars(query))
