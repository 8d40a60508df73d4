"""Let SQLite find the deployments and audit events of a page without reading manifests, logs and properties."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_INDEXES = {
    "deployment_list_idx": (
        "registry_deployment",
        [
            *("update_time", "job_name", "job_version", "status", "deployed_by"),
            *("infrastructure_target", "auth_subject_id", "id"),
        ],
    ),
    "audit_list_idx": (
        "registry_auditlogevent",
        [
            *("timestamp", "job_name", "job_version", "event_type"),
            *("username_executor", "username_subject", "id"),
        ],
    ),
}


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for name, (table, columns) in _INDEXES.items():
            op.create_index(name, table, columns)


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for name, (table, _) in _INDEXES.items():
            op.drop_index(name, table)
