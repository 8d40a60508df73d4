"""Say which instances prove that they know their secret."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_TABLE = "registry_jobinstance"


def upgrade() -> None:
    op.add_column(
        _TABLE,
        sa.Column("proves_itself", sa.Boolean(), nullable=False, server_default=sa.false()),
    )


def downgrade() -> None:
    op.drop_column(_TABLE, "proves_itself")
