import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from lifecycle.database.connections import UnfitValue, connect_postgres, connect_sqlite
from lifecycle.database.unit_of_work import UnitOfWorkFactory
from racetrack_client.log.errors import AlreadyExists, ServiceUnavailable
from sqlalchemy import Engine


def test_an_error_shows_no_values(unit_of_work: UnitOfWorkFactory, clock):
    with unit_of_work() as uow:
        uow.users.add("anna", "secret hash", clock.now())
    with pytest.raises(AlreadyExists) as refusal, unit_of_work() as uow:
        uow.users.add("anna", "secret hash", clock.now())
    assert "secret hash" not in f"{refusal.value} {refusal.value.__cause__}"


def test_a_conflict_is_an_error_of_the_caller(unit_of_work: UnitOfWorkFactory, clock):
    with unit_of_work() as uow:
        uow.users.add("anna@example.com", "hash", clock.now())
    with pytest.raises(AlreadyExists), unit_of_work() as uow:
        uow.users.add("anna@example.com", "hash", clock.now())


@pytest.mark.postgres
def test_a_value_that_does_not_fit_is_an_error_of_the_caller(postgres_engine: Engine):
    with pytest.raises(UnfitValue, match="too long"), UnitOfWorkFactory(postgres_engine)() as uow:
        uow.escs.add("x" * 513, None)


def test_a_database_that_is_away_is_unavailable_for_now():
    engine = connect_postgres("postgresql+psycopg2://nobody@127.0.0.1:1/none")
    with pytest.raises(ServiceUnavailable, match="try again"), UnitOfWorkFactory(engine)() as uow:
        uow.check_connection()


def test_a_reader_does_not_wait_for_a_writer(unit_of_work: UnitOfWorkFactory):
    with unit_of_work() as writer:
        writer.families.get_or_add("adder")
        with unit_of_work.reading() as reader:
            assert reader.families.find("adder") is None


def test_threads_that_read_and_then_write_wait_for_each_other(unit_of_work: UnitOfWorkFactory):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: _add_families(unit_of_work, f"t{number}"), range(8)))
    with unit_of_work.reading() as uow:
        assert len(uow.families.list_all()) == 8 * 20


def test_a_database_that_stays_locked_is_unavailable_for_now(sqlite_template: Path, tmp_path: Path):
    path = tmp_path / "locked.sqlite3"
    path.write_bytes(sqlite_template.read_bytes())
    patient, impatient = connect_sqlite(path), connect_sqlite(path, busy_timeout_seconds=0.05)
    with UnitOfWorkFactory(patient)() as holder:
        holder.families.get_or_add("adder")
        with (
            pytest.raises(ServiceUnavailable, match="database is locked"),
            UnitOfWorkFactory(impatient)() as uow,
        ):
            uow.families.get_or_add("other")
        with UnitOfWorkFactory(impatient).reading() as uow:
            assert uow.families.list_all() == []
    patient.dispose()
    impatient.dispose()


def test_processes_that_read_and_then_write_wait_for_each_other(
    sqlite_template: Path, tmp_path: Path
):
    path = tmp_path / "shared.sqlite3"
    path.write_bytes(sqlite_template.read_bytes())
    command = [sys.executable, "-c", _WRITE_IN_PROCESS, str(path)]
    processes = [subprocess.Popen([*command, f"p{number}"]) for number in range(2)]
    assert [process.wait(60) for process in processes] == [0, 0]
    engine = connect_sqlite(path)
    with UnitOfWorkFactory(engine).reading() as uow:
        assert len(uow.families.list_all()) == 2 * 20
    engine.dispose()


def _add_families(unit_of_work: UnitOfWorkFactory, name: str) -> None:
    for number in range(20):
        with unit_of_work() as uow:
            uow.families.list_all()
            uow.families.get_or_add(f"{name}-{number}")


_WRITE_IN_PROCESS = """
import sys
from pathlib import Path
from lifecycle.database.connections import connect_sqlite
from lifecycle.database.unit_of_work import UnitOfWorkFactory

unit_of_work = UnitOfWorkFactory(connect_sqlite(Path(sys.argv[1])))
for number in range(20):
    with unit_of_work() as uow:
        uow.families.list_all()
        uow.families.get_or_add(f"{sys.argv[2]}-{number}")
"""
