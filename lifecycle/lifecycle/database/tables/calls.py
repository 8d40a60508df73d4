"""The table of calls: one row for each day, version of a job and caller."""

from datetime import datetime

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from lifecycle.database.tables.base import Base


class JobCallsRow(Base):
    """The calls of a version of a job by one caller on one day; jobs and callers by name, because rows outlive both."""

    __tablename__ = "registry_jobcalls"

    job_name: Mapped[str] = mapped_column(String(512), primary_key=True)
    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    job_version: Mapped[str] = mapped_column(String(256), primary_key=True)
    caller: Mapped[str] = mapped_column(String(600), primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger)
    last_call_time: Mapped[datetime]
