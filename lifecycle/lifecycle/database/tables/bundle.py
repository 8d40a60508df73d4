"""Rows that keep the sources of jobs."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from lifecycle.database.tables.base import Base


class SourceBundleRow(Base):
    """A packed source directory, known by its SHA-256."""

    __tablename__ = "registry_sourcebundle"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    content: Mapped[bytes]
    size: Mapped[int]
    create_time: Mapped[datetime]
