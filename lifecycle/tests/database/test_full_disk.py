import contextlib
from datetime import UTC, datetime

import pytest
from lifecycle.auth.password_check import (
    AttemptLimits,
    LoginCredentials,
    PasswordCheck,
    WrongCredentials,
)
from lifecycle.auth.passwords.hash_process import Passwords
from lifecycle.auth.passwords.hashes import hash_password
from lifecycle.database.connections import DatabaseFull, connect_sqlite
from lifecycle.database.tables.base import Base
from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.domain.auth import UserRights
from racetrack_client.log.errors import DiskFull
from racetrack_commons.testing.builders import a_job
from sqlalchemy import event


@pytest.fixture
def full_database(tmp_path):
    """A database that can't grow by a page: what the engine says then is what it says on a full disk."""
    engine = connect_sqlite(tmp_path / "full.sqlite3")
    Base.metadata.create_all(engine)

    @event.listens_for(engine, "connect")
    def limit(connection, _):
        connection.execute("PRAGMA max_page_count=1")

    engine.dispose()
    yield UnitOfWorkFactory(engine)
    engine.dispose()


def test_a_full_database_is_an_error_of_its_own_and_can_be_read(full_database):
    with (
        pytest.raises(DatabaseFull, match="free some space there") as raised,
        full_database() as uow,
    ):
        uow.jobs.save(a_job().model_copy(update={"error": "x" * 100_000}))

    assert isinstance(raised.value, DiskFull)
    with full_database.reading() as uow:
        assert uow.jobs.list_all() == []


def test_users_log_in_on_a_full_disk(full_database, clock):
    passwords = Passwords()
    with full_database() as uow:
        uow.users.add("anna", hash_password("secret"), clock.now())
        uow.users.set_rights("anna", UserRights(is_active=True, is_staff=False, is_superuser=False))
    fill(full_database)
    check = PasswordCheck(full_database, passwords, AttemptLimits(), clock)

    user = check.require_user(LoginCredentials("anna", "secret", "127.0.0.1"))

    assert user.username == "anna"
    with pytest.raises(WrongCredentials):
        check.require_user(LoginCredentials("anna", "wrong", "127.0.0.1"))


def fill(database):
    """Write until nothing fits any more."""
    with contextlib.suppress(DatabaseFull):
        while True:
            write_row(database)
    with pytest.raises(DatabaseFull):
        write_row(database)


def write_row(database):
    with database() as uow:
        uow.login_attempts.add("a" * 64, "127.0.0.2", datetime.now(UTC))
