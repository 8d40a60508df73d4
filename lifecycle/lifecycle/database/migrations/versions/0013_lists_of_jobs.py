"""Keep beside each job what lists find and sort it by, and its manifest as JSON."""

import sqlalchemy as sa
from alembic import op
from lifecycle.domain.listed_jobs import make_search_text, make_version_key
from lifecycle.domain.stored_manifest import make_stored_manifest, parse_stored_manifest

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_TRIGGERS = {
    "sqlite": [
        """CREATE TRIGGER registry_job_added AFTER INSERT ON registry_job BEGIN
        UPDATE registry_job SET revision = lower(hex(randomblob(16))) WHERE id = NEW.id; END""",
        """CREATE TRIGGER registry_job_changed AFTER UPDATE ON registry_job
        WHEN NEW.revision IS OLD.revision BEGIN
        UPDATE registry_job SET revision = lower(hex(randomblob(16))) WHERE id = NEW.id; END""",
    ],
    "postgresql": [
        """CREATE FUNCTION revise_job() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        NEW.revision := md5(random()::text || clock_timestamp()::text); RETURN NEW; END $$""",
        """CREATE TRIGGER registry_job_revised BEFORE INSERT OR UPDATE ON registry_job
        FOR EACH ROW EXECUTE PROCEDURE revise_job()""",
    ],
}
_NO_TRIGGERS = {
    "sqlite": ["DROP TRIGGER registry_job_added", "DROP TRIGGER registry_job_changed"],
    "postgresql": ["DROP TRIGGER registry_job_revised ON registry_job", "DROP FUNCTION revise_job"],
}
_COLUMNS = ("owner_email", "version_key", "search_text")
_SEARCHED = (
    "name",
    "version",
    "status",
    "deployed_by",
    "job_type_version",
    "infrastructure_target",
)
_INDEXED = [
    *("update_time", "name", "version_key", "id", "family_id", "status"),
    *("job_type_version", "infrastructure_target", "owner_email", "search_text", "revision"),
]
_JOBS = sa.table("registry_job", *map(sa.column, ("id", "manifest", *_SEARCHED, *_COLUMNS)))


def upgrade() -> None:
    in_bytes = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.add_column("registry_job", sa.Column("owner_email", sa.String(256), nullable=True))
    op.add_column("registry_job", sa.Column("version_key", in_bytes, nullable=True))
    op.add_column("registry_job", sa.Column("search_text", sa.Text(), nullable=True))
    op.add_column("registry_job", sa.Column("revision", sa.String(32), nullable=True))
    for trigger in _TRIGGERS[op.get_bind().dialect.name]:
        op.execute(trigger)
    manifests = op.create_table(
        "registry_jobmanifest",
        sa.Column("job_id", sa.String(36), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", name="pk_registry_jobmanifest"),
        sa.ForeignKeyConstraint(
            ["job_id"],
            ["registry_job.id"],
            name="fk_registry_jobmanifest_job_id",
            ondelete="CASCADE",
        ),
    )
    connection = op.get_bind()
    for job in connection.execute(sa.select(_JOBS)).fetchall():
        owner = _read_owner(job.manifest)
        texts = (getattr(job, name) for name in _SEARCHED)
        values = {
            "owner_email": owner,
            "version_key": make_version_key(job.version),
            "search_text": make_search_text(*texts, owner),
        }
        connection.execute(sa.update(_JOBS).where(_JOBS.c.id == job.id).values(**values))
        if job.manifest is not None:
            stored = make_stored_manifest(job.manifest)
            row = {"job_id": job.id, "digest": stored.digest, "content": stored.content}
            connection.execute(sa.insert(manifests).values(**row))
    if connection.dialect.name == "sqlite":
        op.create_index("job_list_idx", "registry_job", _INDEXED)


def downgrade() -> None:
    dialect = op.get_bind().dialect.name
    if dialect == "sqlite":
        op.drop_index("job_list_idx", "registry_job")
    for statement in _NO_TRIGGERS[dialect]:
        op.execute(statement)
    op.drop_table("registry_jobmanifest")
    for column in (*_COLUMNS, "revision"):
        op.drop_column("registry_job", column)


def _read_owner(manifest_yaml: str | None) -> str:
    manifest = parse_stored_manifest(manifest_yaml)
    return manifest.owner_email[:256] if manifest else ""
