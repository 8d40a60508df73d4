"""The first revision: every table, next to those that an older installation has already."""

import sqlalchemy as sa
from alembic import op
from lifecycle.database.migrations.upgrade import adopt_older_tables
from lifecycle.database.tables.base import CommaList, JsonValue, UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

Serial = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
ONE_KIND = (
    "(user_id IS NOT NULL AND esc_id IS NULL AND job_family_id IS NULL)"
    " OR (user_id IS NULL AND esc_id IS NOT NULL AND job_family_id IS NULL)"
    " OR (user_id IS NULL AND esc_id IS NULL AND job_family_id IS NOT NULL)"
)


def upgrade() -> None:
    adopt_older_tables(op.get_bind())
    _create_user()
    _create_asyncjobcall()
    _create_auditlogevent()
    _create_change()
    _create_deployment()
    _create_esc()
    _create_jobfamily()
    _create_jobinstance()
    _create_jobprocess()
    _create_jobsecret()
    _create_setting()
    _create_sourcebundle()
    _create_trashjob()
    _create_authsubject()
    _create_deploymenttask()
    _create_job()
    _create_authresourcepermission()
    _create_authtoken()
    _create_publicendpointrequest()


def downgrade() -> None:
    raise NotImplementedError("the first revision can't be taken back: drop the database instead")


def _create_user() -> None:
    op.create_table(
        "auth_user",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("username", sa.String(length=150), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("first_name", sa.String(length=150), nullable=False),
        sa.Column("last_name", sa.String(length=150), nullable=False),
        sa.Column("password", sa.String(length=128), nullable=False),
        sa.Column("date_joined", UtcDateTime(), nullable=False),
        sa.Column("last_login", UtcDateTime(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("is_staff", sa.Boolean(), nullable=False),
        sa.Column("is_superuser", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_auth_user"),
        sa.UniqueConstraint("username", name="uq_auth_user_username"),
        if_not_exists=True,
    )


def _create_asyncjobcall() -> None:
    op.create_table(
        "registry_asyncjobcall",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("job_name", sa.String(length=512), nullable=False),
        sa.Column("job_version", sa.String(length=256), nullable=False),
        sa.Column("job_path", sa.String(length=512), nullable=False),
        sa.Column("request_method", sa.String(length=32), nullable=False),
        sa.Column("request_url", sa.Text(), nullable=False),
        sa.Column("request_headers", JsonValue, nullable=True),
        sa.Column("request_body", sa.LargeBinary(), nullable=False),
        sa.Column("response_status_code", sa.Integer(), nullable=True),
        sa.Column("response_headers", JsonValue, nullable=True),
        sa.Column("response_body", sa.LargeBinary(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("pub_instance_addr", sa.String(length=256), nullable=False),
        sa.Column("retriable_error", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_registry_asyncjobcall"),
        if_not_exists=True,
    )


def _create_auditlogevent() -> None:
    op.create_table(
        "registry_auditlogevent",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("timestamp", UtcDateTime(), nullable=False),
        sa.Column("event_type", sa.String(length=512), nullable=False),
        sa.Column("properties", sa.Text(), nullable=True),
        sa.Column("username_executor", sa.String(length=512), nullable=True),
        sa.Column("username_subject", sa.String(length=512), nullable=True),
        sa.Column("job_name", sa.String(length=512), nullable=True),
        sa.Column("job_version", sa.String(length=256), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_registry_auditlogevent"),
        if_not_exists=True,
    )
    op.create_index(
        "ix_registry_auditlogevent_job_name",
        "registry_auditlogevent",
        ["job_name"],
        if_not_exists=True,
    )
    op.create_index(
        "ix_registry_auditlogevent_job_version",
        "registry_auditlogevent",
        ["job_version"],
        if_not_exists=True,
    )
    op.create_index(
        "ix_registry_auditlogevent_timestamp",
        "registry_auditlogevent",
        ["timestamp"],
        if_not_exists=True,
    )
    op.create_index(
        "ix_registry_auditlogevent_username_executor",
        "registry_auditlogevent",
        ["username_executor"],
        if_not_exists=True,
    )


def _create_change() -> None:
    op.create_table(
        "registry_change",
        sa.Column("id", Serial, autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=512), nullable=True),
        sa.Column("create_time", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_registry_change"),
        sqlite_autoincrement=True,
        if_not_exists=True,
    )


def _create_deployment() -> None:
    op.create_table(
        "registry_deployment",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("create_time", UtcDateTime(), nullable=False),
        sa.Column("update_time", UtcDateTime(), nullable=False),
        sa.Column("manifest", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("job_name", sa.String(length=512), nullable=False),
        sa.Column("job_version", sa.String(length=256), nullable=False),
        sa.Column("deployed_by", sa.String(length=256), nullable=True),
        sa.Column("build_logs", sa.Text(), nullable=True),
        sa.Column("phase", sa.Text(), nullable=True),
        sa.Column("image_name", sa.Text(), nullable=True),
        sa.Column("infrastructure_target", sa.String(length=256), nullable=True),
        sa.Column("warnings", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_registry_deployment"),
        if_not_exists=True,
    )
    op.create_index(
        "ix_registry_deployment_job_name_job_version",
        "registry_deployment",
        ["job_name", "job_version"],
        if_not_exists=True,
    )
    op.create_index("update_time_idx", "registry_deployment", ["update_time"], if_not_exists=True)


def _create_esc() -> None:
    op.create_table(
        "registry_esc",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=512), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_registry_esc"),
        if_not_exists=True,
    )


def _create_jobfamily() -> None:
    op.create_table(
        "registry_jobfamily",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=512), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_registry_jobfamily"),
        sa.UniqueConstraint("name", name="uq_registry_jobfamily_name"),
        if_not_exists=True,
    )


def _create_jobinstance() -> None:
    op.create_table(
        "registry_jobinstance",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("job_name", sa.String(length=512), nullable=False),
        sa.Column("job_version", sa.String(length=256), nullable=False),
        sa.Column("infrastructure_target", sa.String(length=256), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("internal_name", sa.String(length=512), nullable=True),
        sa.Column("replica_internal_names", CommaList(), nullable=True),
        sa.Column("image_tag", sa.String(length=256), nullable=False),
        sa.Column("create_time", UtcDateTime(), nullable=False),
        sa.Column("drain_until", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_registry_jobinstance"),
        if_not_exists=True,
    )
    op.create_index(
        "ix_registry_jobinstance_job_name_job_version",
        "registry_jobinstance",
        ["job_name", "job_version"],
        if_not_exists=True,
    )


def _create_jobprocess() -> None:
    op.create_table(
        "registry_jobprocess",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("instance_id", sa.String(length=36), nullable=False),
        sa.Column("job_name", sa.String(length=512), nullable=False),
        sa.Column("job_version", sa.String(length=256), nullable=False),
        sa.Column("replica", sa.Integer(), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=True),
        sa.Column("pid_create_time", sa.Float(precision=53), nullable=True),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("restarts", sa.Integer(), nullable=False),
        sa.Column("next_start_at", UtcDateTime(), nullable=True),
        sa.Column("launch", sa.LargeBinary(), nullable=False),
        sa.Column("log_path", sa.Text(), nullable=False),
        sa.Column("create_time", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_registry_jobprocess"),
        sa.UniqueConstraint("port", name="uq_registry_jobprocess_port"),
        if_not_exists=True,
    )
    op.create_index(
        "ix_registry_jobprocess_instance_id",
        "registry_jobprocess",
        ["instance_id"],
        if_not_exists=True,
    )


def _create_jobsecret() -> None:
    op.create_table(
        "registry_jobsecret",
        sa.Column("name", sa.String(length=512), nullable=False),
        sa.Column("version", sa.String(length=256), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", "version", name="pk_registry_jobsecret"),
        if_not_exists=True,
    )


def _create_setting() -> None:
    op.create_table(
        "registry_setting",
        sa.Column("name", sa.String(length=512), nullable=False),
        sa.Column("value", JsonValue, nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_registry_setting"),
        if_not_exists=True,
    )


def _create_sourcebundle() -> None:
    op.create_table(
        "registry_sourcebundle",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("create_time", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_registry_sourcebundle"),
        if_not_exists=True,
    )


def _create_trashjob() -> None:
    op.create_table(
        "registry_trashjob",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=512), nullable=False),
        sa.Column("version", sa.String(length=256), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("create_time", UtcDateTime(), nullable=False),
        sa.Column("update_time", UtcDateTime(), nullable=False),
        sa.Column("delete_time", UtcDateTime(), nullable=False),
        sa.Column("manifest", sa.Text(), nullable=True),
        sa.Column("internal_name", sa.String(length=512), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("image_tag", sa.String(length=256), nullable=True),
        sa.Column("deployed_by", sa.String(length=256), nullable=True),
        sa.Column("last_call_time", UtcDateTime(), nullable=True),
        sa.Column("infrastructure_target", sa.String(length=256), nullable=True),
        sa.Column("age_days", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_registry_trashjob"),
        if_not_exists=True,
    )


def _create_authsubject() -> None:
    op.create_table(
        "registry_authsubject",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("esc_id", sa.String(length=36), nullable=True),
        sa.Column("job_family_id", sa.String(length=36), nullable=True),
        sa.CheckConstraint(ONE_KIND, name="ck_registry_authsubject_one_kind"),
        sa.ForeignKeyConstraint(
            ["esc_id"],
            ["registry_esc.id"],
            name="fk_registry_authsubject_esc_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["job_family_id"],
            ["registry_jobfamily.id"],
            name="fk_registry_authsubject_job_family_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["auth_user.id"],
            name="fk_registry_authsubject_user_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_registry_authsubject"),
        sa.UniqueConstraint("esc_id", name="uq_registry_authsubject_esc_id"),
        sa.UniqueConstraint("job_family_id", name="uq_registry_authsubject_job_family_id"),
        sa.UniqueConstraint("user_id", name="uq_registry_authsubject_user_id"),
        if_not_exists=True,
    )


def _create_deploymenttask() -> None:
    op.create_table(
        "registry_deploymenttask",
        sa.Column("deployment_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("step", sa.String(length=32), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("lease_owner", sa.String(length=256), nullable=True),
        sa.Column("lease_expires_at", UtcDateTime(), nullable=True),
        sa.Column("force", sa.Boolean(), nullable=False),
        sa.Column("build_flags", JsonValue, nullable=False),
        sa.Column("source_digest", sa.String(length=256), nullable=True),
        sa.Column("secrets", sa.LargeBinary(), nullable=True),
        sa.Column("image_kind", sa.String(length=32), nullable=False),
        sa.Column("image_tag", sa.String(length=256), nullable=True),
        sa.Column("image_names", JsonValue, nullable=False),
        sa.Column("job_type_version", sa.String(length=256), nullable=False),
        sa.Column("auth_subject_id", sa.String(length=36), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["deployment_id"],
            ["registry_deployment.id"],
            name="fk_registry_deploymenttask_deployment_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("deployment_id", name="pk_registry_deploymenttask"),
        if_not_exists=True,
    )
    op.create_index(
        "ix_registry_deploymenttask_lease_expires_at",
        "registry_deploymenttask",
        ["lease_expires_at"],
        if_not_exists=True,
    )


def _create_job() -> None:
    op.create_table(
        "registry_job",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("family_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=512), nullable=False),
        sa.Column("version", sa.String(length=256), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("create_time", UtcDateTime(), nullable=False),
        sa.Column("update_time", UtcDateTime(), nullable=False),
        sa.Column("manifest", sa.Text(), nullable=True),
        sa.Column("internal_name", sa.String(length=512), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("notice", sa.Text(), nullable=True),
        sa.Column("image_tag", sa.String(length=256), nullable=True),
        sa.Column("deployed_by", sa.String(length=256), nullable=True),
        sa.Column("last_call_time", UtcDateTime(), nullable=True),
        sa.Column("infrastructure_target", sa.String(length=256), nullable=True),
        sa.Column("replica_internal_names", CommaList(), nullable=True),
        sa.Column("job_type_version", sa.String(length=256), nullable=False),
        sa.Column("infrastructure_stats", JsonValue, nullable=True),
        sa.ForeignKeyConstraint(
            ["family_id"],
            ["registry_jobfamily.id"],
            name="fk_registry_job_family_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_registry_job"),
        sa.UniqueConstraint("name", "version", name="uq_registry_job_name_version"),
        if_not_exists=True,
    )
    op.create_index("ix_registry_job_family_id", "registry_job", ["family_id"], if_not_exists=True)


def _create_authresourcepermission() -> None:
    op.create_table(
        "registry_authresourcepermission",
        sa.Column("id", Serial, autoincrement=True, nullable=False),
        sa.Column("auth_subject_id", sa.String(length=36), nullable=False),
        sa.Column("scope", sa.String(length=32), nullable=False),
        sa.Column("job_family_id", sa.String(length=36), nullable=True),
        sa.Column("job_id", sa.String(length=36), nullable=True),
        sa.Column("endpoint", sa.String(length=256), nullable=True),
        sa.ForeignKeyConstraint(
            ["auth_subject_id"],
            ["registry_authsubject.id"],
            name="fk_registry_authresourcepermission_auth_subject_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["job_family_id"],
            ["registry_jobfamily.id"],
            name="fk_registry_authresourcepermission_job_family_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["job_id"],
            ["registry_job.id"],
            name="fk_registry_authresourcepermission_job_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_registry_authresourcepermission"),
        if_not_exists=True,
    )
    op.create_index(
        "ix_registry_authresourcepermission_auth_subject_id",
        "registry_authresourcepermission",
        ["auth_subject_id"],
        if_not_exists=True,
    )
    op.create_index(
        "ix_registry_authresourcepermission_job_family_id",
        "registry_authresourcepermission",
        ["job_family_id"],
        if_not_exists=True,
    )
    op.create_index(
        "ix_registry_authresourcepermission_job_id",
        "registry_authresourcepermission",
        ["job_id"],
        if_not_exists=True,
    )


def _create_authtoken() -> None:
    op.create_table(
        "registry_authtoken",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("auth_subject_id", sa.String(length=36), nullable=False),
        sa.Column("token", sa.String(length=1024), nullable=False),
        sa.Column("expiry_time", UtcDateTime(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("last_use_time", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["auth_subject_id"],
            ["registry_authsubject.id"],
            name="fk_registry_authtoken_auth_subject_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_registry_authtoken"),
        if_not_exists=True,
    )
    op.create_index(
        "ix_registry_authtoken_auth_subject_id",
        "registry_authtoken",
        ["auth_subject_id"],
        if_not_exists=True,
    )
    op.create_index("token_idx", "registry_authtoken", ["token"], if_not_exists=True)


def _create_publicendpointrequest() -> None:
    op.create_table(
        "registry_publicendpointrequest",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("endpoint", sa.String(length=512), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"],
            ["registry_job.id"],
            name="fk_registry_publicendpointrequest_job_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_registry_publicendpointrequest"),
        if_not_exists=True,
    )
    op.create_index(
        "ix_registry_publicendpointrequest_job_id",
        "registry_publicendpointrequest",
        ["job_id"],
        if_not_exists=True,
    )
