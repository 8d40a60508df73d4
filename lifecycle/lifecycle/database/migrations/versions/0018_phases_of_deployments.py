"""Store when each phase of a deployment began."""

import sqlalchemy as sa
from alembic import op
from lifecycle.database.tables.base import UtcDateTime

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_TABLE = "registry_deploymentphase"


def upgrade() -> None:
    serial = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        _TABLE,
        sa.Column("id", serial, autoincrement=True, nullable=False),
        sa.Column("deployment_id", sa.String(length=36), nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("begin_time", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=f"pk_{_TABLE}"),
        sa.ForeignKeyConstraint(
            ["deployment_id"],
            ["registry_deployment.id"],
            name=f"fk_{_TABLE}_deployment_id",
            ondelete="CASCADE",
        ),
    )
    op.create_index(f"ix_{_TABLE}_deployment_id", _TABLE, ["deployment_id"])


def downgrade() -> None:
    op.drop_table(_TABLE)
