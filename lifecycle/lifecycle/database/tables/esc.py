"""Rows about external service consumers."""

from sqlalchemy.orm import Mapped

from lifecycle.database.tables.base import Base, Id, Str512


class EscRow(Base):
    """An external service consumer: something outside that calls jobs."""

    __tablename__ = "registry_esc"

    id: Mapped[Id]
    name: Mapped[Str512]
