"""Say who runs an async call, until when, and when it may be forgotten."""

import sqlalchemy as sa
from alembic import op
from lifecycle.database.tables.base import UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TABLE = "registry_asyncjobcalllease"


def upgrade() -> None:
    op.create_table(
        _TABLE,
        sa.Column("call_id", sa.String(length=36), nullable=False),
        sa.Column("holder", sa.String(length=256), nullable=True),
        sa.Column("expires_at", UtcDateTime(), nullable=True),
        sa.Column("forget_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["call_id"],
            ["registry_asyncjobcall.id"],
            name=f"fk_{_TABLE}_call_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("call_id", name=f"pk_{_TABLE}"),
    )
    for column in ("expires_at", "forget_at"):
        op.create_index(f"ix_{_TABLE}_{column}", _TABLE, [column])


def downgrade() -> None:
    op.drop_table(_TABLE)
