"""Rows that tell other processes what changed."""

from datetime import datetime

from sqlalchemy.orm import Mapped

from lifecycle.database.tables.base import Base, Serial, Str32, Str512


class ChangeRow(Base):
    """Something that readers of the event stream want to know."""

    __tablename__ = "registry_change"
    # Without it SQLite gives the number of a deleted newest row to the next one.
    __table_args__ = {"sqlite_autoincrement": True}

    id: Mapped[Serial]
    kind: Mapped[Str32]
    subject: Mapped[Str512 | None]
    create_time: Mapped[datetime]
