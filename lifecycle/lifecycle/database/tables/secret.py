"""Rows that keep the secrets of jobs."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from lifecycle.database.tables.base import Base


class JobSecretRow(Base):
    """The secret variables and git credentials of a job."""

    __tablename__ = "registry_jobsecret"

    name: Mapped[str] = mapped_column(String(512), primary_key=True)
    version: Mapped[str] = mapped_column(String(256), primary_key=True)
    content: Mapped[bytes]
    """Encrypted."""
