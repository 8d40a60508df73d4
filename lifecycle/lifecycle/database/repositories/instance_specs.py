"""What instances were started with, encrypted."""

from sqlalchemy import delete
from sqlalchemy.orm import Session

from lifecycle.database.tables import InstanceSpecRow


class InstanceSpecRepository:
    """The rows of `registry_instancespec`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def find(self, instance_id: str) -> bytes | None:
        """Find the encrypted specification of an instance."""
        row = self._session.get(InstanceSpecRow, instance_id)
        return row.content if row else None

    def save(self, instance_id: str, content: bytes) -> None:
        """Insert or replace."""
        self._session.merge(InstanceSpecRow(instance_id=instance_id, content=content))
        self._session.flush()

    def remove(self, instance_id: str) -> None:
        """Forget one; nothing happens when it is not there."""
        self._session.execute(
            delete(InstanceSpecRow).where(InstanceSpecRow.instance_id == instance_id)
        )
