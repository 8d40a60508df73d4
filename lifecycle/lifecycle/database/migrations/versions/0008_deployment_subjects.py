"""Say by its id which subject began a deployment: names of different kinds of subjects may be equal."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_OF_TASKS = """
UPDATE registry_deployment SET auth_subject_id = (
    SELECT task.auth_subject_id FROM registry_deploymenttask task
    WHERE task.deployment_id = registry_deployment.id
)
"""
# Older releases stored the name alone. One that an ESC or a job family has as well may mean either.
_OF_NAMES = """
UPDATE registry_deployment SET auth_subject_id = (
    SELECT subject.id FROM registry_authsubject subject
    JOIN auth_user holder ON holder.id = subject.user_id
    WHERE holder.username = registry_deployment.deployed_by
)
WHERE id NOT IN (SELECT deployment_id FROM registry_deploymenttask)
AND NOT EXISTS (SELECT 1 FROM registry_esc esc WHERE esc.id = registry_deployment.deployed_by)
AND NOT EXISTS (
    SELECT 1 FROM registry_jobfamily family WHERE family.name = registry_deployment.deployed_by
)
"""


def upgrade() -> None:
    column = sa.Column("auth_subject_id", sa.String(length=36), nullable=True)
    op.add_column("registry_deployment", column)
    op.execute(_OF_TASKS)
    op.execute(_OF_NAMES)


def downgrade() -> None:
    with op.batch_alter_table("registry_deployment") as batch:
        batch.drop_column("auth_subject_id")
