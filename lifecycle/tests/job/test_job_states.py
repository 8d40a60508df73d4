"""The states that a sync remembers are those of the database, whoever changed it."""

from datetime import UTC, datetime

from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.job.job_states import JobStates
from racetrack_commons.entities.dto import JobStatus
from racetrack_commons.testing.builders import a_job

ADDER, CHAIN = ("adder", "0.0.1"), ("chain", "0.0.1")


def save(unit_of_work: UnitOfWorkFactory, *jobs):
    with unit_of_work() as uow:
        for job in jobs:
            uow.jobs.save(job)


def read(unit_of_work: UnitOfWorkFactory, states: JobStates):
    with unit_of_work.reading() as uow:
        return states.read(uow)


def test_only_what_changed_is_another_object(unit_of_work):
    save(unit_of_work, a_job("adder"), a_job("chain"))
    states = JobStates()
    before = read(unit_of_work, states)
    assert read(unit_of_work, states) is before

    save(unit_of_work, a_job("chain", status=JobStatus.LOST))

    after = read(unit_of_work, states)
    assert after[ADDER] is before[ADDER]
    assert (before[CHAIN].status, after[CHAIN].status) == (JobStatus.RUNNING, JobStatus.LOST)


def test_a_call_is_a_change(unit_of_work):
    save(unit_of_work, a_job("adder"))
    states = JobStates()
    read(unit_of_work, states)

    with unit_of_work() as uow:
        uow.jobs.note_call(*ADDER, datetime.fromtimestamp(1_800_000_000, UTC))

    assert read(unit_of_work, states)[ADDER].last_call_time == 1_800_000_000


def test_deleted_and_new_jobs_are_noticed(unit_of_work):
    save(unit_of_work, a_job("adder"), a_job("chain"))
    states = JobStates()
    read(unit_of_work, states)

    with unit_of_work() as uow:
        uow.jobs.remove(*ADDER)
    assert set(read(unit_of_work, states)) == {CHAIN}

    save(unit_of_work, a_job("adder"))
    with unit_of_work() as uow:
        uow.jobs.remove(*CHAIN)
    assert set(read(unit_of_work, states)) == {ADDER}


def test_a_state_is_the_one_that_others_read(unit_of_work):
    stats = {"number_of_restarts": 1}
    job = a_job("adder", infrastructure_stats=stats, replica_internal_names=["a:1", "b:2"])
    save(unit_of_work, job)

    with unit_of_work.reading() as uow:
        assert JobStates().read(uow)[ADDER] == uow.jobs.find_state(*ADDER)
