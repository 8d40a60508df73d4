"""Rows about log-ins that did not succeed."""

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from lifecycle.database.tables.base import Base, Serial


class LoginAttemptRow(Base):
    """Somebody gave a name and a password, and they were not right, or are still looked at."""

    __tablename__ = "registry_loginattempt"
    __table_args__ = (Index(None, "account"), Index(None, "address"), Index(None, "time"))

    id: Mapped[Serial]
    account: Mapped[str] = mapped_column(String(64))
    """SHA-256 of the name: people type passwords where the name belongs."""
    address: Mapped[str] = mapped_column(String(64))
    time: Mapped[datetime]
