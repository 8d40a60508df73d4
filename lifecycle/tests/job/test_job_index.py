"""Lists that are found and sorted in memory: they show what the database has, as each caller may see it."""

import random

import pytest
from lifecycle.auth.authenticate import make_subject
from lifecycle.auth.authorize import get_sight, list_permitted_jobs
from lifecycle.database.tables.auth import PermissionRow
from lifecycle.database.tables.job import JobManifestRow
from lifecycle.database.unit_of_work import UnitOfWork, UnitOfWorkFactory
from lifecycle.domain.auth import Sight
from lifecycle.domain.listed_jobs import WantedJobs, split_words
from lifecycle.job.job_index import JobIndex
from lifecycle.testing.databases import empty_tables
from racetrack_client.entities import AuthScope
from racetrack_commons.entities.dto import JobStatus
from racetrack_commons.entities.list_orders import JobOrder
from racetrack_commons.testing.builders import A_TIME, a_job, a_manifest_yaml
from sqlalchemy import Engine, func, select, text

EVERYTHING = Sight(AuthScope.READ_JOB, is_complete=True)
BY_NAME = WantedJobs(order=JobOrder.NAME)


def list_names(uow: UnitOfWork, **wanted) -> list[str]:
    found = JobIndex().read(uow, EVERYTHING).find(WantedJobs(**wanted))
    return [f"{job.name} {job.version}" for job in found]


def search(uow: UnitOfWork, words: str) -> list[str]:
    wanted = split_words(words)
    names = list_names(uow, words=wanted, order=JobOrder.NAME)
    return [name.partition(" ")[0] for name in names]


def test_all_words_of_a_search_must_be_somewhere_in_the_job(uow: UnitOfWork):
    uow.jobs.save(a_job("adder", "1.2.3", deployed_by="Zoë", job_type_version="python3:3.1.0"))
    owner = a_manifest_yaml("chain", owner_email="Team.Blue@example.com")
    uow.jobs.save(a_job("chain", manifest_yaml=owner, infrastructure_target="docker"))
    uow.jobs.save(a_job("lost", status=JobStatus.LOST))

    found = {
        "": ["adder", "chain", "lost"],
        "ADD": ["adder"],
        "1.2.3": ["adder"],
        "ZOË": ["adder"],
        "python3:3": ["adder"],
        "team.blue": ["chain"],
        "docker": ["chain"],
        "running": ["adder", "chain"],
        "  running \t blue ": ["chain"],
        "running nothing": [],
        "adder1.2.3": [],
    }
    assert {words: search(uow, words) for words in found} == found


@pytest.mark.parametrize("sign", ["%", "_", "\\", "'", '"', "/", "[", "*", "--", ";", "\\%", "%%"])
def test_signs_of_patterns_mean_themselves_in_a_search(uow: UnitOfWork, sign):
    uow.jobs.save(a_job("plain"))
    uow.jobs.save(a_job("odd", deployed_by=f"a{sign}b"))

    assert search(uow, sign) == ["odd"]
    assert search(uow, f"a{sign}b") == ["odd"]


def test_jobs_are_filtered_by_any_of_the_values(uow: UnitOfWork):
    uow.jobs.save(a_job("a", status=JobStatus.ERROR, job_type_version="python3:3.1.0"))
    uow.jobs.save(a_job("b", job_type_version="python3:2.0.0", infrastructure_target="docker"))
    owned = a_manifest_yaml("c", owner_email="Anna@example.com")
    uow.jobs.save(a_job("c", status=JobStatus.LOST, job_type_version="go:1", manifest_yaml=owned))

    def filter_by(**wanted):
        return [name[0] for name in list_names(uow, order=JobOrder.NAME, **wanted)]

    assert filter_by(statuses=("error", "lost")) == ["a", "c"]
    assert filter_by(job_types=("python3",)) == ["a", "b"]
    assert filter_by(job_types=("python3:2.0.0", "go")) == ["b", "c"]
    assert filter_by(job_types=("python",)) == []
    assert filter_by(targets=("docker",)) == ["b"]
    assert filter_by(owners=("anna@EXAMPLE.com",)) == ["c"]
    assert filter_by(families=("a", "c", "ab")) == ["a", "c"]
    assert filter_by(statuses=("running",), job_types=("go",)) == []


def test_jobs_are_sorted_in_both_directions(uow: UnitOfWork):
    for age, (name, version, status) in enumerate(
        [
            ("b", "1.10.0", JobStatus.RUNNING),
            ("a-z", "1.0.0", JobStatus.LOST),
            ("b", "1.9.0", JobStatus.ERROR),
            ("ab", "1.0.0", JobStatus.RUNNING),
            ("b", "1.10.0-rc", JobStatus.RUNNING),
        ]
    ):
        uow.jobs.save(a_job(name, version, status=status, update_time=A_TIME - age))

    orders = {
        JobOrder.NAME: ["a-z 1.0.0", "ab 1.0.0", "b 1.10.0", "b 1.10.0-rc", "b 1.9.0"],
        JobOrder.LATEST_FAMILY: ["b 1.10.0", "b 1.9.0", "b 1.10.0-rc", "a-z 1.0.0", "ab 1.0.0"],
        JobOrder.LATEST_JOB: ["b 1.10.0", "a-z 1.0.0", "b 1.9.0", "ab 1.0.0", "b 1.10.0-rc"],
        JobOrder.STATUS: ["b 1.9.0", "a-z 1.0.0", "ab 1.0.0", "b 1.10.0", "b 1.10.0-rc"],
    }
    assert {order: list_names(uow, order=order) for order in orders} == orders
    assert {
        order: list_names(uow, order=order, is_reversed=True)[::-1] for order in orders
    } == orders


@pytest.mark.parametrize("order", JobOrder)
def test_equal_jobs_have_places_of_their_own_in_an_order(uow: UnitOfWork, order):
    for name in ("b", "a"):
        for version in ("1.0.0", "01.0.0", "nonsense"):
            uow.jobs.save(a_job(name, version))

    listed = list_names(uow, order=order)

    assert len(set(listed)) == 6
    assert listed == list_names(uow, order=order, is_reversed=True)[::-1]


def test_lists_have_what_the_rule_for_one_job_allows(uow: UnitOfWork):
    chance, index = random.Random(7), JobIndex()
    jobs = [uow.jobs.save(a_job(f"job-{n % 4}", f"0.0.{n}")) for n in range(12)]
    families = {name: uow.families.get(name).id for name in {job.name for job in jobs}}
    for number in range(40):
        esc = uow.escs.add(f"caller {number}", f"esc-{number}")
        subject = make_subject(uow.auth_subjects.get_or_add_of_esc(esc.id))
        for _ in range(chance.randrange(4)):
            limits = {
                "job_family_id": chance.choice([None, *families.values()]),
                "job_id": chance.choice([None, *(job.id for job in jobs)]),
                "endpoint": chance.choice([None, None, "/api/v1/perform"]),
            }
            scope = chance.choice([AuthScope.READ_JOB, AuthScope.FULL_ACCESS, AuthScope.CALL_JOB])
            uow.session.add(PermissionRow(auth_subject_id=subject.id, scope=scope, **limits))
        uow.session.flush()

        sight = get_sight(uow, subject, AuthScope.READ_JOB)
        permitted = {job.id for job in list_permitted_jobs(uow, subject, AuthScope.READ_JOB, jobs)}

        assert {job.id for job in index.read(uow, sight).find(WantedJobs())} == permitted
        assert {job.id for job in uow.job_lists.list_summaries(sight)} == permitted


def test_a_caller_without_a_stored_subject_sees_nothing(uow: UnitOfWork):
    uow.jobs.save(a_job())
    assert JobIndex().read(uow, Sight(AuthScope.READ_JOB)).find(WantedJobs()) == []


def test_another_manifest_brings_another_owner(uow: UnitOfWork):
    uow.jobs.save(a_job())
    uow.jobs.set_manifest("adder", "0.0.1", a_manifest_yaml(owner_email="new@example.com"))

    assert search(uow, "new@example.com") == ["adder"]
    assert search(uow, "sample@example.com") == []
    assert uow.session.scalar(select(func.count()).select_from(JobManifestRow)) == 1


@pytest.fixture
def index() -> JobIndex:
    return JobIndex()


def read(index: JobIndex, unit_of_work: UnitOfWorkFactory) -> list[tuple[str, str]]:
    with unit_of_work.reading() as uow:
        return [(job.name, job.status) for job in index.read(uow, EVERYTHING).find(BY_NAME)]


def save(unit_of_work: UnitOfWorkFactory, *names: str, status: str = "running") -> None:
    with unit_of_work() as uow:
        for name in names:
            uow.jobs.save(a_job(name, status=JobStatus(status)))


def remove(unit_of_work: UnitOfWorkFactory, name: str) -> None:
    with unit_of_work() as uow:
        uow.jobs.remove(name, "0.0.1")


def test_the_next_list_shows_each_kind_of_change(index: JobIndex, unit_of_work: UnitOfWorkFactory):
    save(unit_of_work, "b", "c")
    assert read(index, unit_of_work) == [("b", "running"), ("c", "running")]

    save(unit_of_work, "a")
    assert read(index, unit_of_work) == [("a", "running"), ("b", "running"), ("c", "running")]

    with unit_of_work() as uow:
        uow.session.execute(text("UPDATE registry_job SET status = 'lost' WHERE name = 'b'"))
    assert read(index, unit_of_work) == [("a", "running"), ("b", "lost"), ("c", "running")]

    remove(unit_of_work, "a")
    assert read(index, unit_of_work) == [("b", "lost"), ("c", "running")]


def test_jobs_that_replace_as_many_others_are_shown(
    index: JobIndex, unit_of_work: UnitOfWorkFactory
):
    for former, present in (("a", "b"), ("b", "c"), ("c", "a")):
        save(unit_of_work, former)
        assert read(index, unit_of_work) == [(former, "running")]
        remove(unit_of_work, former)
        save(unit_of_work, present, status="error")
        assert read(index, unit_of_work) == [(present, "error")]
        remove(unit_of_work, present)


def test_a_change_that_is_undone_is_not_shown(index: JobIndex, unit_of_work: UnitOfWorkFactory):
    save(unit_of_work, "a")
    with unit_of_work() as uow:
        uow.jobs.save(a_job("a", status=JobStatus.ERROR))
        uow.jobs.save(a_job("b"))
        uow.session.rollback()

    assert read(index, unit_of_work) == [("a", "running")]


@pytest.mark.postgres
def test_a_change_that_is_committed_late_is_shown(index: JobIndex, postgres_engine: Engine):
    empty_tables(postgres_engine)
    unit_of_work = UnitOfWorkFactory(postgres_engine)
    save(unit_of_work, "early", "late")
    with unit_of_work() as late:
        late.jobs.save(a_job("late", status=JobStatus.ERROR))
        save(unit_of_work, "early", status="lost")
        assert read(index, unit_of_work) == [("early", "lost"), ("late", "running")]

    assert read(index, unit_of_work) == [("early", "lost"), ("late", "error")]
