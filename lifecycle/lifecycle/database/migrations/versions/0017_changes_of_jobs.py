"""Number the changes of jobs, so that lists read only those jobs that changed since the list before."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

# Numbers never fall back, though the job with the highest one be deleted: they are microseconds where these are higher.
_NUMBER = """max((SELECT max(change_number) FROM registry_job) + 1,
        CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER))"""
_RANDOM = "lower(hex(randomblob(16)))"
_SQLITE = """
        CREATE TRIGGER registry_job_added AFTER INSERT ON registry_job BEGIN
        UPDATE registry_job SET {values} WHERE id = NEW.id; END;
        CREATE TRIGGER registry_job_changed AFTER UPDATE ON registry_job
        WHEN NEW.revision IS OLD.revision BEGIN
        UPDATE registry_job SET {values} WHERE id = NEW.id; END
"""
_POSTGRES = """CREATE OR REPLACE FUNCTION revise_job() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        NEW.revision := md5(random()::text || clock_timestamp()::text); {more}RETURN NEW; END $$"""
_INDEX = "job_list_idx"
_FORMER_INDEX = [
    *("update_time", "name", "version_key", "id", "family_id", "status"),
    *("job_type_version", "infrastructure_target", "owner_email", "search_text", "revision"),
]


def upgrade() -> None:
    if _is_sqlite():
        op.drop_index(_INDEX, "registry_job")
    column = sa.Column("change_number", sa.BigInteger(), nullable=False, server_default="0")
    op.add_column("registry_job", column)
    op.create_index("ix_registry_job_change_number", "registry_job", ["change_number"])
    _replace_triggers(
        sqlite=f"revision = {_RANDOM}, change_number = {_NUMBER}",
        postgres="NEW.change_number := txid_current(); ",
    )


def downgrade() -> None:
    _replace_triggers(sqlite=f"revision = {_RANDOM}", postgres="")
    op.drop_index("ix_registry_job_change_number", "registry_job")
    op.drop_column("registry_job", "change_number")
    if _is_sqlite():
        op.create_index(_INDEX, "registry_job", _FORMER_INDEX)


def _replace_triggers(*, sqlite: str, postgres: str) -> None:
    if not _is_sqlite():
        op.execute(_POSTGRES.format(more=postgres))
        return
    for name in ("registry_job_added", "registry_job_changed"):
        op.execute(f"DROP TRIGGER {name}")
    for statement in _SQLITE.format(values=sqlite).split("END;"):
        op.execute(statement if statement.rstrip().endswith("END") else f"{statement}END")


def _is_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"
