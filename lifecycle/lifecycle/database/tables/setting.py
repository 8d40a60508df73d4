"""Rows that keep settings of the whole installation."""

from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from lifecycle.database.tables.base import Base
from lifecycle.database.tables.types import JsonValue


class SettingRow(Base):
    """A named JSON value, such as `maintenance_mode`."""

    __tablename__ = "registry_setting"

    name: Mapped[str] = mapped_column(String(512), primary_key=True)
    value: Mapped[Any | None] = mapped_column(JsonValue)
