import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from alembic import command
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
from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.domain.secrets import SecretBox
from pydantic import SecretStr
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError


def test_an_upgraded_database_has_exactly_the_tables_of_the_code(engine: Engine):
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "target_metadata": Base.metadata,
                "include_object": is_of(engine.dialect.name),
            },
        )
        assert compare_metadata(context, Base.metadata) == []


def is_of(dialect: str):
    """Leave out the indexes that only the other kind of database has."""

    def is_included(item, _name, _kind, _is_reflected, _compared) -> bool:
        condition = getattr(item, "_ddl_if", None)
        return condition is None or condition.dialect == dialect

    return is_included


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


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def empty_engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A database without tables."""
    if request.param == "sqlite":
        engine = connect_sqlite(tmp_path / "empty.sqlite3")
        yield engine
        engine.dispose()
        return
    with open_empty_schema("empty") as engine:
        yield engine


@contextmanager
def open_empty_schema(schema: str) -> Iterator[Engine]:
    """Create a schema without tables in PostgreSQL; drop it at the end."""
    url = os.environ.get("TEST_DATABASE_URL")
    if not url:
        pytest.skip("TEST_DATABASE_URL is not set")
    engine = connect_postgres(url, schema=schema)
    with engine.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    try:
        yield engine
    finally:
        with engine.begin() as connection:
            connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
        engine.dispose()


def upgrade_to(engine: Engine, revision: str) -> None:
    with engine.begin() as connection:
        command.upgrade(alembic_config(connection), revision)


def add_older_tokens(engine: Engine) -> None:
    """Store tokens as the releases before digests did."""
    upgrade_to(engine, "0011")
    add = "INSERT INTO registry_"
    token = "(id, auth_subject_id, token, active) VALUES (:id, 'of-esc', :text, true)"
    numbers = range(2500)
    rows = [{"id": f"token-{each}", "text": f"the.text.{each}-of-a-token"} for each in numbers]
    with engine.begin() as connection:
        connection.execute(text(f"{add}esc (id, name) VALUES ('esc-1', 'shop')"))
        connection.execute(text(f"{add}authsubject (id, esc_id) VALUES ('of-esc', 'esc-1')"))
        connection.execute(text(f"{add}authtoken {token}"), rows)


def test_deployments_of_older_releases_get_the_subject_that_began_them(empty_engine: Engine):
    upgrade_to(empty_engine, "0007")
    with empty_engine.begin() as connection:
        for statement in _OLDER_DEPLOYMENTS:
            connection.execute(text(statement))

    upgrade_to(empty_engine, "0008")

    with empty_engine.connect() as connection:
        rows = connection.execute(text("SELECT id, auth_subject_id FROM registry_deployment"))
        assert {row.id: row.auth_subject_id for row in rows} == {
            "by-anna": "of-anna",
            "by-esc": "of-esc",
            "by-shared": None,
            "by-gone": None,
        }


def test_tokens_of_older_releases_are_known_by_their_digests(empty_engine: Engine):
    add_older_tokens(empty_engine)
    box = SecretBox(SecretStr("a key of stored secrets"))

    upgrade(empty_engine, seal=box.encrypt)

    with UnitOfWorkFactory(empty_engine).reading() as uow:
        tokens = [
            uow.auth_tokens.find(f"the.text.{number}-of-a-token") for number in range(0, 2500, 99)
        ]
        stored = uow.session.execute(text("SELECT * FROM registry_authtoken")).all()
    assert {token.token_end for token in tokens} == {"-token"}
    assert box.decrypt(tokens[7].sealed) == b"the.text.693-of-a-token"
    assert "the.text" not in str(stored)


def test_no_free_space_of_the_file_keeps_the_text_of_a_token(tmp_path: Path):
    engine = connect_sqlite(tmp_path / "old.sqlite3")
    add_older_tokens(engine)

    upgrade(engine, seal=SecretBox(SecretStr("a key of stored secrets")).encrypt)
    engine.dispose()

    files = [each.read_bytes() for each in tmp_path.iterdir()]
    assert not any(b"the.text" in content for content in files)


def test_a_migration_of_tokens_that_was_broken_off_begins_again(empty_engine: Engine):
    add_older_tokens(empty_engine)
    box = SecretBox(SecretStr("a key of stored secrets"))
    sealed = []

    def break_off(content: bytes) -> bytes:
        sealed.append(content)
        if len(sealed) > 1500:
            raise KeyboardInterrupt
        return box.encrypt(content)

    with pytest.raises(KeyboardInterrupt):
        upgrade(empty_engine, seal=break_off)
    assert find_revision(empty_engine) == "0011"

    upgrade(empty_engine, seal=box.encrypt)
    with UnitOfWorkFactory(empty_engine).reading() as uow:
        assert uow.auth_tokens.find("the.text.2499-of-a-token").id == "token-2499"


def test_stored_tokens_are_not_migrated_without_the_key(empty_engine: Engine):
    add_older_tokens(empty_engine)

    with pytest.raises(RuntimeError, match="SECRET_KEY"):
        upgrade_to(empty_engine, "0012")


@pytest.mark.postgres
def test_tables_of_an_older_installation_are_taken_over():
    with open_empty_schema("older") as engine:
        with engine.begin() as connection:
            for statement in _OLDER_TABLES:
                connection.execute(text(statement))
        upgrade(engine, schema="older")
        with engine.begin() as connection:
            connection.execute(text("DELETE FROM registry_jobfamily"))
            assert connection.scalar(text("SELECT count(*) FROM registry_authsubject")) == 0
            connection.execute(text("UPDATE registry_trashjob SET age_days = 4000.5"))
        with pytest.raises(IntegrityError), engine.begin() as connection:
            connection.execute(
                text("INSERT INTO registry_authsubject (id, job_family_id) VALUES ('2', 'gone')")
            )


_TIME = "'2026-01-31 12:00:00'"
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

_OLDER_DEPLOYMENTS = [
    "INSERT INTO auth_user (id, username, email, first_name, last_name, password, date_joined,"
    " is_active, is_staff, is_superuser) VALUES"
    f" (1, 'anna', '', '', '', 'x', {_TIME}, true, false, false),"
    f" (2, 'shared', '', '', '', 'x', {_TIME}, true, false, false)",
    "INSERT INTO registry_esc (id, name) VALUES ('esc-1', 'shop')",
    "INSERT INTO registry_jobfamily (id, name) VALUES ('family-1', 'shared')",
    "INSERT INTO registry_authsubject (id, user_id, esc_id, job_family_id) VALUES"
    " ('of-anna', 1, null, null), ('of-shared', 2, null, null), ('of-esc', null, 'esc-1', null)",
    *(
        "INSERT INTO registry_deployment (id, status, create_time, update_time, manifest, job_name,"
        f" job_version, deployed_by) VALUES ('by-{name}', 'done', {_TIME}, {_TIME}, '', 'a', '1',"
        f" '{deployer}')"
        for name, deployer in {
            "anna": "anna",
            "shared": "shared",
            "gone": "gone",
            "esc": "esc-1",
        }.items()
    ),
    "INSERT INTO registry_deploymenttask (deployment_id, kind, step, attempt, force, build_flags,"
    " image_kind, image_names, job_type_version, auth_subject_id, created_at) VALUES"
    f" ('by-esc', 'deploy', 'ended', 1, false, '[]', 'process', '[]', '', 'of-esc', {_TIME})",
]
