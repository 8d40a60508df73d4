"""Count log-ins that fail; remember when tokens were made."""

import sqlalchemy as sa
from alembic import op
from lifecycle.database.tables.base import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "registry_loginattempt",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("time", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_registry_loginattempt"),
    )
    for column in ("account", "address", "time"):
        op.create_index(f"ix_registry_loginattempt_{column}", "registry_loginattempt", [column])
    op.add_column("registry_authtoken", sa.Column("create_time", UtcDateTime(), nullable=True))


def downgrade() -> None:
    op.drop_column("registry_authtoken", "create_time")
    op.drop_table("registry_loginattempt")
