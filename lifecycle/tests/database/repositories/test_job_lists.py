import random

import pytest
from lifecycle.auth.authenticate import make_subject
from lifecycle.auth.authorize import get_sight, list_permitted_jobs
from lifecycle.database.tables.auth import PermissionRow
from lifecycle.database.tables.job import JobManifestRow, JobRow
from lifecycle.database.unit_of_work import UnitOfWork
from lifecycle.domain.auth import Sight
from lifecycle.domain.listed_jobs import JobOrder, Page, WantedJobs, make_version_key, split_words
from racetrack_client.entities import AuthScope
from racetrack_commons.entities.dto import JobStatus
from racetrack_commons.testing.builders import A_TIME, a_job, a_manifest_yaml
from sqlalchemy import func, select, update

EVERYTHING = Sight(AuthScope.READ_JOB, is_complete=True)
FIRST_PAGE = Page(100)


def list_names(uow: UnitOfWork, page: Page = FIRST_PAGE, **wanted) -> list[str]:
    found = uow.job_lists.list_page(WantedJobs(**wanted), EVERYTHING, page)
    jobs = {stored.job.id: str(stored.job) for stored in uow.job_lists.read([i for i, _ in found])}
    return [jobs[job_id] for job_id, _ in found]


def search(uow: UnitOfWork, words: str) -> list[str]:
    wanted = split_words(words)
    names = list_names(uow, words=wanted, order=JobOrder.NAME)
    assert uow.job_lists.count(WantedJobs(words=wanted), EVERYTHING) == len(names)
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


@pytest.mark.parametrize("is_reversed", [False, True])
@pytest.mark.parametrize("order", JobOrder)
def test_pages_have_each_job_once_though_all_are_equal(uow: UnitOfWork, order, is_reversed):
    names = [f"job-{number}" for number in range(7)]
    for name in names:
        for version in ("1.0.0", "01.0.0", "nonsense"):
            uow.jobs.save(a_job(name, version))

    pages = [
        list_names(uow, Page(4, offset), order=order, is_reversed=is_reversed)
        for offset in range(0, 24, 4)
    ]

    listed = [name for page in pages for name in page]
    assert listed == list_names(uow, order=order, is_reversed=is_reversed)
    assert len(listed) == len(set(listed)) == 21


def test_keys_of_versions_sort_like_versions():
    versions = ["x", "0.0.9", "0.1.0-a", "0.1.0-b", "0.1.0", "1.2.3", "1.10.0", "12.0.0"]
    keys = [make_version_key(version) for version in versions]
    assert keys == sorted(keys)


def test_lists_and_totals_have_what_the_rule_for_one_job_allows(uow: UnitOfWork):
    chance = random.Random(7)
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

        assert {job_id for job_id, _ in uow.job_lists.list_all(sight)} == permitted
        assert {job.id for job in uow.job_lists.list_summaries(sight)} == permitted
        assert uow.job_lists.count(WantedJobs(), sight) == len(permitted)


def test_a_caller_without_a_stored_subject_sees_nothing(uow: UnitOfWork):
    uow.jobs.save(a_job())
    assert uow.job_lists.list_all(Sight(AuthScope.READ_JOB)) == []


def test_another_manifest_brings_another_owner(uow: UnitOfWork):
    uow.jobs.save(a_job())
    uow.jobs.set_manifest("adder", "0.0.1", a_manifest_yaml(owner_email="new@example.com"))

    assert search(uow, "new@example.com") == ["adder"]
    assert search(uow, "sample@example.com") == []
    assert uow.session.scalar(select(func.count()).select_from(JobManifestRow)) == 1


def test_the_json_of_another_manifest_is_not_taken(uow: UnitOfWork):
    job = uow.jobs.save(a_job())
    changed = a_manifest_yaml(replicas=3)
    uow.session.execute(update(JobRow).values(manifest=changed))

    (stored,) = uow.job_lists.read([job.id])

    assert '"replicas":3' in stored.manifest_json
    assert stored.job.manifest_yaml == changed


def test_a_removed_job_takes_its_json_with_it(uow: UnitOfWork):
    uow.jobs.save(a_job())
    uow.jobs.remove("adder", "0.0.1")
    assert uow.session.scalar(select(func.count()).select_from(JobManifestRow)) == 0
