"""Rows about async calls of jobs."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from lifecycle.database.tables.base import Base, Id, LongText, Str32, Str256, Str512


class AsyncJobCallRow(Base):
    """A call that was accepted now and is answered later."""

    __tablename__ = "registry_asyncjobcall"

    id: Mapped[Id]
    status: Mapped[Str32]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    error: Mapped[LongText | None]
    job_name: Mapped[Str512]
    job_version: Mapped[Str256]
    job_path: Mapped[Str512]
    request_method: Mapped[Str32]
    request_url: Mapped[LongText]
    request_headers: Mapped[dict[str, Any] | None]
    request_body: Mapped[bytes]
    response_status_code: Mapped[int | None]
    response_headers: Mapped[dict[str, Any] | None]
    response_body: Mapped[bytes]
    attempts: Mapped[int] = mapped_column(default=0)
    pub_instance_addr: Mapped[Str256]
    retriable_error: Mapped[bool]


class AsyncJobCallLeaseRow(Base):
    """Who runs an async call; calls that older gateways keep have none."""

    __tablename__ = "registry_asyncjobcalllease"

    call_id: Mapped[str] = mapped_column(
        String(36), ForeignKey("registry_asyncjobcall.id", ondelete="CASCADE"), primary_key=True
    )
    holder: Mapped[Str256 | None]
    """None: nobody."""
    expires_at: Mapped[datetime | None] = mapped_column(index=True)
    """From then on anybody may run the call; None when it has ended."""
    forget_at: Mapped[datetime | None] = mapped_column(index=True)
    """Its end was delivered, and may be asked for again until then."""
