from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from lifecycle.database.repositories import jobs
from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.infrastructure.registry import InfrastructureRegistry
from lifecycle.job.sync import sync_jobs
from lifecycle.testing.databases import empty_tables
from lifecycle.testing.fakes import FakeInstances, FakeMonitor, a_target
from racetrack_commons.entities.dto import JobStatus
from racetrack_commons.testing.builders import a_job
from racetrack_commons.testing.serving import wait_until
from sqlalchemy import text


@pytest.fixture
def monitor() -> FakeMonitor:
    return FakeMonitor()


@pytest.fixture
def sync(unit_of_work, config, monitor):
    registry = InfrastructureRegistry({"process": a_target(FakeInstances(), monitor)})
    return lambda job_types=None: sync_jobs(unit_of_work, registry, config, job_types)


def save(unit_of_work, job):
    with unit_of_work() as uow:
        return uow.jobs.save(job)


def get(unit_of_work):
    with unit_of_work.reading() as uow:
        return uow.jobs.get("adder", "0.0.1")


def count_changes(unit_of_work):
    with unit_of_work.reading() as uow:
        return len(uow.changes.list_after(0))


def test_a_job_missing_from_its_target_is_lost(unit_of_work, sync):
    save(unit_of_work, a_job())

    sync()

    assert get(unit_of_work).status == JobStatus.LOST
    assert count_changes(unit_of_work) == 1


def test_a_lost_job_that_is_found_recovers(unit_of_work, sync, monitor):
    save(unit_of_work, a_job(status=JobStatus.LOST, error="not found"))
    monitor.jobs = [a_job()]

    sync()

    assert (get(unit_of_work).status, get(unit_of_work).error) == (JobStatus.RUNNING, None)


def test_a_failing_job_shows_its_error_and_notice(unit_of_work, sync, monitor):
    save(unit_of_work, a_job(job_type_version="python3:3.0.0"))
    monitor.jobs = [a_job(status=JobStatus.ERROR, error="no answer", notice="old;slow")]

    sync({"python3:4.0.0"})

    job = get(unit_of_work)
    assert (job.status, job.error) == (JobStatus.ERROR, "no answer")
    assert job.notice.startswith("old; slow; job type python3:3.0.0 is not available")


def test_a_healthy_job_has_an_empty_notice(unit_of_work, sync, monitor):
    save(unit_of_work, a_job(job_type_version="python3:3.0.0"))
    monitor.jobs = [a_job()]

    sync({"python3:3.0.0"})

    assert get(unit_of_work).notice == ""


def test_a_job_whose_target_can_not_be_asked_stays_as_it_is(unit_of_work, sync, monitor):
    before = save(unit_of_work, a_job())
    monitor.error = RuntimeError("engine is down")

    sync()

    assert get(unit_of_work) == before


def test_a_starting_job_is_left_to_its_deployment(unit_of_work, sync):
    before = save(unit_of_work, a_job(status=JobStatus.STARTING, internal_name=None))

    sync()

    assert get(unit_of_work) == before


def test_a_job_that_is_started_again_is_starting_until_it_answers(unit_of_work, sync, monitor):
    save(unit_of_work, a_job())
    monitor.jobs = [a_job(status=JobStatus.STARTING, notice="the job is not ready")]
    sync()
    assert get(unit_of_work).status == JobStatus.STARTING
    with unit_of_work() as uow:
        assert uow.jobs.mark_abandoned_as_lost() == []

    monitor.jobs = [a_job()]
    sync()

    assert get(unit_of_work).status == JobStatus.RUNNING


@pytest.mark.parametrize("order", [1, -1])
def test_what_drains_after_a_move_does_not_bring_the_job_back(unit_of_work, config, order):
    save(unit_of_work, a_job(infrastructure_target="new", internal_name="new:7000"))
    targets = {}
    for name in ("new", "old")[::order]:
        monitor = FakeMonitor()
        monitor.jobs = [a_job(infrastructure_target=name, internal_name=f"{name}:7000")]
        targets[name] = a_target(FakeInstances(), monitor)

    sync_jobs(unit_of_work, InfrastructureRegistry(targets), config)

    job = get(unit_of_work)
    assert (job.infrastructure_target, job.internal_name) == ("new", "new:7000")


def test_what_drains_is_not_taken_for_a_job_whose_target_can_not_be_asked(unit_of_work, config):
    save(unit_of_work, a_job(infrastructure_target="new", internal_name="new:7000"))
    silent, draining = FakeMonitor(), FakeMonitor()
    silent.error = RuntimeError("no answer")
    draining.jobs = [a_job(infrastructure_target="old", internal_name="old:7000")]
    targets = {"new": a_target(FakeInstances(), silent), "old": a_target(FakeInstances(), draining)}

    sync_jobs(unit_of_work, InfrastructureRegistry(targets), config)

    assert get(unit_of_work).internal_name == "new:7000"


def test_the_time_of_the_last_call_only_goes_forward(unit_of_work, sync, monitor):
    save(unit_of_work, a_job(last_call_time=200))
    monitor.jobs = [a_job(last_call_time=100)]
    sync()
    assert get(unit_of_work).last_call_time == 200

    monitor.jobs = [a_job(last_call_time=300)]
    sync()
    assert get(unit_of_work).last_call_time == 300


def test_an_unknown_job_is_told_and_not_stored(unit_of_work, sync, monitor):
    monitor.jobs = [a_job("stranger")]

    result = sync()

    assert [job.name for job in result.orphaned] == ["stranger"]
    with unit_of_work.reading() as uow:
        assert uow.jobs.list_all() == []


def test_statistics_alone_are_no_news(unit_of_work, sync, monitor):
    save(unit_of_work, a_job())
    monitor.jobs = [a_job(infrastructure_stats={"memory_bytes": 1})]

    result = sync()

    assert len(result.changed) == 1
    assert get(unit_of_work).infrastructure_stats == {"memory_bytes": 1}
    assert count_changes(unit_of_work) == 0


def test_a_sync_of_many_jobs_reads_no_manifest(unit_of_work, sync, monitor, monkeypatch):
    """Reading thousands of manifests takes seconds; the sync needs their texts alone, and keeps these."""
    saved = save(unit_of_work, a_job(notice=""))
    monitor.jobs = [a_job(infrastructure_stats={"memory_bytes": 1})]
    read = []
    monkeypatch.setattr(jobs, "parse_stored_manifest", read.append)

    with unit_of_work.reading() as uow:
        assert uow.jobs.list_names() == {("adder", "0.0.1")}
        assert uow.jobs.list_states() == [uow.jobs.find_state("adder", "0.0.1")]
        assert uow.jobs.list_states() == [saved.model_copy(update={"manifest": None})]
    assert read == []
    sync()

    assert len(read) <= 1  # That of the job that is stored with its new statistics.
    monkeypatch.undo()
    assert (get(unit_of_work).manifest, get(unit_of_work).manifest_yaml) == (
        saved.manifest,
        saved.manifest_yaml,
    )


def test_nothing_is_written_when_nothing_changed(unit_of_work, sync, monitor):
    save(unit_of_work, a_job(notice=""))
    monitor.jobs = [a_job()]
    sync()

    assert sync().changed == []


def test_a_job_that_was_switched_meanwhile_is_left_alone(unit_of_work, sync, monitor):
    save(unit_of_work, a_job())
    switched = a_job(internal_name="127.0.0.1:7001", image_tag="new")

    def switch_while_listing(_):
        save(unit_of_work, switched)
        return [a_job(status=JobStatus.ERROR, internal_name="127.0.0.1:7000")]

    monitor.list_jobs = switch_while_listing

    sync()

    assert get(unit_of_work).status == JobStatus.RUNNING
    assert get(unit_of_work).internal_name == "127.0.0.1:7001"


class CalledMeanwhile(FakeMonitor):
    """A monitor of jobs that are called while they are listed."""

    def __init__(self, jobs, unit_of_work, called_at):
        super().__init__(jobs=jobs)
        self._unit_of_work, self._called_at = unit_of_work, called_at

    def list_jobs(self, config):
        with self._unit_of_work() as uow:
            uow.jobs.note_call("adder", "0.0.1", datetime.fromtimestamp(self._called_at, UTC))
        return super().list_jobs(config)


def test_a_job_that_is_called_meanwhile_gets_its_state_and_keeps_its_call(unit_of_work, config):
    save(unit_of_work, a_job(last_call_time=100))
    seen = a_job(status=JobStatus.ERROR, error="out of memory", last_call_time=150)
    target = a_target(FakeInstances(), CalledMeanwhile([seen], unit_of_work, 200))

    sync_jobs(unit_of_work, InfrastructureRegistry({"process": target}), config)

    job = get(unit_of_work)
    assert (job.status, job.last_call_time) == (JobStatus.ERROR, 200)


@pytest.mark.postgres
def test_a_sync_and_a_report_of_calls_at_once_do_not_deadlock(postgres_engine, config):
    empty_tables(postgres_engine)
    unit_of_work, now = UnitOfWorkFactory(postgres_engine), datetime.now(UTC)
    names = ("aaa", "bbb")
    for age, name in enumerate(reversed(names)):  # The order by age is not that by name.
        save(unit_of_work, a_job(name, update_time=1000 - age))
    target = a_target(FakeInstances(), FakeMonitor())
    registry = InfrastructureRegistry({"process": target})

    def is_waiting():
        query = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        with postgres_engine.connect() as connection:
            return connection.scalar(query) > 0

    with ThreadPoolExecutor() as threads:
        with unit_of_work() as uow:
            uow.jobs.note_call(names[0], "0.0.1", now)
            syncing = threads.submit(sync_jobs, unit_of_work, registry, config)
            wait_until(is_waiting)
            uow.jobs.note_call(names[1], "0.0.1", now)
        assert [job.name for job in syncing.result().changed] == list(names)

    with unit_of_work.reading() as uow:
        found = {job.name: (job.status, job.last_call_time) for job in uow.jobs.list_all()}
    assert found == dict.fromkeys(names, (JobStatus.LOST, int(now.timestamp())))
