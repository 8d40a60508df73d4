"""Store the sessions of browsers, so that a log-out ends them; those of before end now."""

import sqlalchemy as sa
from alembic import op
from lifecycle.database.tables.base import UtcDateTime

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_TABLE = "registry_browsersession"


def upgrade() -> None:
    op.create_table(
        _TABLE,
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("token_id", sa.String(length=36), nullable=False),
        sa.Column("opened_at", UtcDateTime(), nullable=False),
        sa.Column("ends_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=f"pk_{_TABLE}"),
        sa.ForeignKeyConstraint(
            ["token_id"],
            ["registry_authtoken.id"],
            name=f"fk_{_TABLE}_token_id",
            ondelete="CASCADE",
        ),
    )
    for column in ("token_id", "ends_at"):
        op.create_index(f"ix_{_TABLE}_{column}", _TABLE, [column])


def downgrade() -> None:
    op.drop_table(_TABLE)
