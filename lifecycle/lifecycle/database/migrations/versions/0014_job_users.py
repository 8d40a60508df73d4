"""Give each job family a user of the operating system."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_TABLE = "registry_jobuser"


def upgrade() -> None:
    op.create_table(
        _TABLE,
        sa.Column("family", sa.String(length=512), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("family", name=f"pk_{_TABLE}"),
        sa.UniqueConstraint("user_id", name=f"uq_{_TABLE}_user_id"),
    )


def downgrade() -> None:
    op.drop_table(_TABLE)
