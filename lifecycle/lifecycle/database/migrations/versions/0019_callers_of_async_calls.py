"""Store which caller started an async call, and with which idempotency key."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_TABLE = "registry_asyncjobcalllease"
_INDEX = f"ix_{_TABLE}_caller_id_idempotency_key"
_COLUMNS = ("caller_id", "idempotency_key", "fingerprint")


def upgrade() -> None:
    op.add_column(_TABLE, sa.Column("caller_id", sa.String(36), nullable=False, server_default=""))
    op.add_column(_TABLE, sa.Column("idempotency_key", sa.String(255), nullable=True))
    op.add_column(_TABLE, sa.Column("fingerprint", sa.String(64), nullable=True))
    # Databases take two calls without a key for different ones.
    op.create_index(_INDEX, _TABLE, ["caller_id", "idempotency_key"], unique=True)


def downgrade() -> None:
    op.drop_index(_INDEX, _TABLE)
    for column in _COLUMNS:
        op.drop_column(_TABLE, column)
