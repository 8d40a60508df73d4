"""Count the bytes of async calls by job and caller."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_TABLE = "registry_asyncjobcalllease"
_COLUMNS = ("job_name", "caller", "size")


def upgrade() -> None:
    op.add_column(_TABLE, sa.Column("job_name", sa.String(512), nullable=False, server_default=""))
    op.add_column(_TABLE, sa.Column("caller", sa.String(600), nullable=False, server_default=""))
    op.add_column(_TABLE, sa.Column("size", sa.BigInteger(), nullable=False, server_default="0"))


def downgrade() -> None:
    for column in _COLUMNS:
        op.drop_column(_TABLE, column)
