"""Remember how instances were started."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "registry_instancespec",
        sa.Column("instance_id", sa.String(length=36), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("instance_id", name="pk_registry_instancespec"),
        if_not_exists=True,
    )


def downgrade() -> None:
    op.drop_table("registry_instancespec")
