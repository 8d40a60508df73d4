import pytest
from lifecycle.database.connections import DatabaseFull, connect_sqlite
from lifecycle.database.tables.base import Base
from lifecycle.database.unit_of_work import UnitOfWorkFactory
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
