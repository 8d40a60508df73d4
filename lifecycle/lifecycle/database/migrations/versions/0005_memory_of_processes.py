"""Keep how much memory the process of a job has used, and how it was killed for want of more."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_TABLE = "registry_jobprocess"


def upgrade() -> None:
    op.add_column(_TABLE, sa.Column("peak_memory_bytes", sa.BigInteger(), nullable=True))
    op.add_column(_TABLE, sa.Column("memory_kill", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column(_TABLE, "memory_kill")
    op.drop_column(_TABLE, "peak_memory_bytes")
