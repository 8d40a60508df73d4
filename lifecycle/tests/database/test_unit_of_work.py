import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from lifecycle.database.connections import UnfitValue, connect_postgres, connect_sqlite
from lifecycle.database.unit_of_work import UnitOfWorkFactory
from racetrack_client.log.errors import AlreadyExists, ServiceUnavailable
from racetrack_commons.entities.dto import ChangeKind
from racetrack_commons.testing.builders import a_job
from sqlalchemy import Engine


def test_a_unit_of_work_is_committed_at_its_end(unit_of_work: UnitOfWorkFactory):
    with unit_of_work() as uow:
        uow.families.get_or_add("adder")
    with unit_of_work.reading() as uow:
        assert uow.families.get("adder").name == "adder"


def test_it_may_be_committed_before_its_end(unit_of_work: UnitOfWorkFactory):
    heard: list[str] = []
    unit_of_work.add_listener(lambda: heard.append("change"))

    with unit_of_work() as uow:
        uow.families.get_or_add("adder")
        uow.record_change(ChangeKind.JOB, "adder")
        uow.commit()
        with unit_of_work() as other:  # On SQLite it would wait for the lock.
            assert other.families.find("adder") is not None
    with unit_of_work.reading() as uow:
        assert [change.subject for change in uow.changes.list_after(0)] == ["adder"]
    assert heard == ["change"]


def test_a_write_after_the_commit_is_not_lost_in_silence(unit_of_work: UnitOfWorkFactory):
    def write_late() -> None:
        with unit_of_work() as uow:
            uow.commit()
            uow.families.get_or_add("adder")

    with pytest.raises(RuntimeError, match="after its commit"):
        write_late()


def test_one_for_reading_keeps_nothing_even_when_it_is_committed(unit_of_work: UnitOfWorkFactory):
    with unit_of_work.reading() as uow:
        uow.families.get_or_add("adder")
        uow.commit()

    with unit_of_work.reading() as uow:
        assert uow.families.find("adder") is None


def test_one_for_reading_says_so_when_it_is_asked_to_write(unit_of_work: UnitOfWorkFactory):
    def write() -> None:
        with unit_of_work.reading() as uow:
            uow.record_change(ChangeKind.JOB, "adder")

    with pytest.raises(RuntimeError, match="was opened for reading"):
        write()


def test_an_error_takes_everything_back(unit_of_work: UnitOfWorkFactory):
    with pytest.raises(ZeroDivisionError):
        _fail_halfway(unit_of_work)
    with unit_of_work.reading() as uow:
        assert uow.families.find("adder") is None


def test_listeners_hear_of_committed_changes_only(unit_of_work: UnitOfWorkFactory):
    heard: list[str] = []
    unit_of_work.add_listener(lambda: heard.append("change"))

    with unit_of_work() as uow:
        uow.record_change(ChangeKind.JOB, "adder")
        assert heard == []
    assert heard == ["change"]

    with pytest.raises(ZeroDivisionError):
        _fail_halfway(unit_of_work)
    with unit_of_work() as uow:
        uow.families.get_or_add("adder")
    assert heard == ["change"]


def test_changes_are_numbered_in_the_order_of_their_commits(unit_of_work: UnitOfWorkFactory):
    seen: list[int] = []

    def look() -> None:
        with unit_of_work.reading() as uow:
            seen.extend(change.id for change in uow.changes.list_after(max(seen, default=0)))

    def change(_: int) -> None:
        with unit_of_work() as uow:
            uow.record_change(ChangeKind.JOB, "adder")
        look()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(change, range(40)))

    assert sorted(set(seen)) == list(range(min(seen), min(seen) + 40))


def test_a_listener_that_was_removed_hears_nothing(unit_of_work: UnitOfWorkFactory):
    heard: list[str] = []

    def listen() -> None:
        heard.append("change")

    unit_of_work.add_listener(listen)
    unit_of_work.remove_listener(listen)
    with unit_of_work() as uow:
        uow.record_change(ChangeKind.AUTH)
    assert heard == []


def test_callbacks_run_after_the_commit(unit_of_work: UnitOfWorkFactory):
    seen: list[bool] = []

    def look() -> None:
        with unit_of_work.reading() as uow:
            seen.append(uow.families.find("adder") is not None)

    with unit_of_work() as uow:
        uow.after_commit(look)
        uow.families.get_or_add("adder")
    assert seen == [True]


def test_an_error_shows_no_values(unit_of_work: UnitOfWorkFactory, clock):
    with unit_of_work() as uow:
        uow.users.add("anna", "secret hash", clock.now())
    with pytest.raises(AlreadyExists) as refusal, unit_of_work() as uow:
        uow.users.add("anna", "secret hash", clock.now())
    assert "secret hash" not in f"{refusal.value} {refusal.value.__cause__}"


def test_a_reading_unit_refuses_to_write(unit_of_work: UnitOfWorkFactory):
    with pytest.raises(RuntimeError, match="reading"), unit_of_work.reading() as uow:
        uow.record_change(ChangeKind.AUTH)


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


def test_deleting_a_family_deletes_what_belongs_to_it(unit_of_work: UnitOfWorkFactory):
    with unit_of_work() as uow:
        job = uow.jobs.save(a_job())
        subject = uow.auth_subjects.get_or_add_of_family(uow.families.get("adder").id)
        uow.auth_tokens.add(subject.id, "a token")
        uow.public_endpoints.request(job.id, ["/metrics"])
    with unit_of_work() as uow:
        uow.session.connection().exec_driver_sql("DELETE FROM registry_jobfamily")
    with unit_of_work.reading() as uow:
        assert uow.jobs.list_all() == []
        assert uow.auth_tokens.find("a token") is None


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


def _fail_halfway(unit_of_work: UnitOfWorkFactory) -> None:
    with unit_of_work() as uow:
        uow.families.get_or_add("adder")
        uow.record_change(ChangeKind.JOB, "adder")
        raise ZeroDivisionError


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
