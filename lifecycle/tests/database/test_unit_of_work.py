from concurrent.futures import ThreadPoolExecutor

import pytest
from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.domain.auth import TokenText
from racetrack_commons.entities.dto import ChangeKind
from racetrack_commons.testing.builders import a_job


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


def test_a_reading_unit_refuses_to_write(unit_of_work: UnitOfWorkFactory):
    with pytest.raises(RuntimeError, match="reading"), unit_of_work.reading() as uow:
        uow.record_change(ChangeKind.AUTH)


def test_deleting_a_family_deletes_what_belongs_to_it(unit_of_work: UnitOfWorkFactory):
    with unit_of_work() as uow:
        job = uow.jobs.save(a_job())
        subject = uow.auth_subjects.get_or_add_of_family(uow.families.get("adder").id)
        uow.auth_tokens.add(subject.id, TokenText(text="a token"))
        uow.public_endpoints.request(job.id, ["/metrics"])
    with unit_of_work() as uow:
        uow.session.connection().exec_driver_sql("DELETE FROM registry_jobfamily")
    with unit_of_work.reading() as uow:
        assert uow.jobs.list_all() == []
        assert uow.auth_tokens.find("a token") is None


def _fail_halfway(unit_of_work: UnitOfWorkFactory) -> None:
    with unit_of_work() as uow:
        uow.families.get_or_add("adder")
        uow.record_change(ChangeKind.JOB, "adder")
        raise ZeroDivisionError
