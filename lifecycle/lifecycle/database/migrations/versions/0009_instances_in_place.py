"""Remember which instances a plugin's target started in place: a built-in target of the same name can't stop them."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_TABLE = "registry_jobinstance"


def upgrade() -> None:
    op.add_column(
        _TABLE,
        sa.Column("is_in_place", sa.Boolean(), server_default=sa.false(), nullable=False),
    )


def downgrade() -> None:
    op.drop_column(_TABLE, "is_in_place")
