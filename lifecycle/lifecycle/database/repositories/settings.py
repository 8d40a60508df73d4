"""Settings of the whole installation."""

from typing import Any

from sqlalchemy.orm import Session

from lifecycle.database.tables import SettingRow


class SettingRepository:
    """The rows of `registry_setting`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def find(self, name: str) -> Any | None:
        """Return the value of a setting, or None."""
        row = self._session.get(SettingRow, name)
        return row.value if row else None

    def set(self, name: str, value: Any | None) -> None:
        """Store the value of a setting."""
        self._session.merge(SettingRow(name=name, value=value))
