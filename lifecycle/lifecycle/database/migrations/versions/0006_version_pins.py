"""Say which version of a family the aliases mean, where it is not the highest."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "registry_versionpin",
        sa.Column("job_name", sa.String(length=512), nullable=False),
        sa.Column("version", sa.String(length=256), nullable=False),
        sa.PrimaryKeyConstraint("job_name", name="pk_registry_versionpin"),
    )


def downgrade() -> None:
    op.drop_table("registry_versionpin")
