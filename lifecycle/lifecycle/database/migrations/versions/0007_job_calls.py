"""Count the calls of jobs by day and caller."""

import sqlalchemy as sa
from alembic import op
from lifecycle.database.tables.base import UtcDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_TABLE = "registry_jobcalls"


def upgrade() -> None:
    op.create_table(
        _TABLE,
        sa.Column("job_name", sa.String(length=512), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("job_version", sa.String(length=256), nullable=False),
        sa.Column("caller", sa.String(length=600), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("last_call_time", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("job_name", "day", "job_version", "caller", name=f"pk_{_TABLE}"),
    )


def downgrade() -> None:
    op.drop_table(_TABLE)
