import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from lifecycle.database.connections import connect_postgres, connect_sqlite
from lifecycle.database.migrations.revision import (
    HEAD,
    TablesOutdated,
    check_current,
    find_revision,
    migrate,
)
from lifecycle.database.migrations.upgrade import alembic_config, upgrade
from lifecycle.database.tables.base import Base
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError


def test_an_upgraded_database_has_exactly_the_tables_of_the_code(engine: Engine):
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "target_metadata": Base.metadata}
        )
        assert compare_metadata(context, Base.metadata) == []


def test_the_constant_names_the_newest_migration(engine: Engine):
    with engine.connect() as connection:
        script = ScriptDirectory.from_config(alembic_config(connection))
    assert script.get_current_head() == HEAD


def test_an_upgraded_database_is_left_alone(engine: Engine):
    assert find_revision(engine) == HEAD
    check_current(engine)
    assert migrate(engine, None) is False


def test_an_empty_database_is_outdated(tmp_path: Path):
    engine = connect_sqlite(tmp_path / "empty.sqlite3")
    with pytest.raises(TablesOutdated, match="lifecycle migrate"):
        check_current(engine)
    engine.dispose()


def test_two_processes_may_migrate_at_once(tmp_path: Path):
    engines = [connect_sqlite(tmp_path / "new.sqlite3") for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(upgrade, engines))
    assert find_revision(engines[0]) == HEAD
    for engine in engines:
        engine.dispose()


@pytest.mark.postgres
def test_tables_of_an_older_installation_are_taken_over():
    url = os.environ.get("TEST_DATABASE_URL")
    if not url:
        pytest.skip("TEST_DATABASE_URL is not set")
    engine = connect_postgres(url, schema="older")
    with engine.begin() as connection:
        connection.execute(text("CREATE SCHEMA older"))
        for statement in _OLDER_TABLES:
            connection.execute(text(statement))
    try:
        upgrade(engine, schema="older")
        with engine.begin() as connection:
            connection.execute(text("DELETE FROM registry_jobfamily"))
            assert connection.scalar(text("SELECT count(*) FROM registry_authsubject")) == 0
            connection.execute(text("UPDATE registry_trashjob SET age_days = 4000.5"))
        with pytest.raises(IntegrityError), engine.begin() as connection:
            connection.execute(
                text("INSERT INTO registry_authsubject (id, job_family_id) VALUES ('2', 'gone')")
            )
    finally:
        with engine.begin() as connection:
            connection.execute(text("DROP SCHEMA older CASCADE"))
        engine.dispose()


_OLDER_TABLES = [
    "CREATE TABLE registry_jobfamily (id varchar(36) PRIMARY KEY, name varchar(512) UNIQUE)",
    "CREATE TABLE registry_authsubject (id varchar(36) PRIMARY KEY, user_id integer,"
    " esc_id varchar(36), job_family_id varchar(36)"
    " REFERENCES registry_jobfamily (id) DEFERRABLE INITIALLY DEFERRED)",
    "CREATE TABLE registry_trashjob (id varchar(36) PRIMARY KEY, age_days numeric(6,3))",
    "INSERT INTO registry_jobfamily VALUES ('1', 'adder')",
    "INSERT INTO registry_authsubject (id, job_family_id) VALUES ('1', '1')",
    "INSERT INTO registry_trashjob VALUES ('1', 1.5)",
]
