"""The texts of lists, which are kept between requests: what they show is what the database has."""

import json

import pytest
from lifecycle.database.connections import connect_sqlite
from lifecycle.database.unit_of_work import UnitOfWork, UnitOfWorkFactory
from lifecycle.domain.auth import Sight
from lifecycle.domain.listed_jobs import Page, WantedJobs
from lifecycle.job.job_texts import JobTexts
from pydantic import TypeAdapter
from racetrack_client.entities import AuthScope
from racetrack_commons.entities.dto import JobDto, JobStatus
from racetrack_commons.testing.builders import A_TIME, a_job, a_manifest_yaml
from sqlalchemy import text

EVERYTHING = Sight(AuthScope.READ_JOB, is_complete=True)
PUB = "http://pub.example.com/pub"


@pytest.fixture
def texts() -> JobTexts:
    return JobTexts(PUB)


def list_all(texts: JobTexts, unit_of_work: UnitOfWorkFactory, sight: Sight = EVERYTHING):
    with unit_of_work.reading() as uow:
        return [json.loads(job.text) for job in texts.list_all(uow, sight)]


def get_only(texts: JobTexts, unit_of_work: UnitOfWorkFactory):
    (job,) = list_all(texts, unit_of_work)
    return job


def test_the_text_of_a_job_is_that_of_its_dto(texts: JobTexts, unit_of_work: UnitOfWorkFactory):
    tricky = '"manifest":null,"manifest_yaml":"x","internal_name":"\\ ü\n\x1f'
    with unit_of_work() as uow:
        uow.jobs.save(a_job("plain", last_call_time=A_TIME))
        uow.jobs.save(a_job("tricky", update_time=A_TIME - 1, error=tricky, notice=tricky))
        uow.jobs.save(a_job("odd", update_time=A_TIME - 2, manifest_yaml=f"# {tricky[:10]}\n- 1"))
        uow.jobs.save(a_job("bare", update_time=A_TIME - 3, manifest_yaml=None, image_tag=None))
        stats = {"manifest": None, "load": [0.5, {"ü": True}]}
        replicas = ["127.0.0.1:7000", "127.0.0.1:7001"]
        uow.jobs.save(
            a_job(
                "full",
                update_time=A_TIME - 4,
                infrastructure_stats=stats,
                replica_internal_names=replicas,
                manifest_yaml=a_manifest_yaml("full", labels={"a": 1.5, "manifest_yaml": None}),
            )
        )
        expected = [
            job.model_copy(update={"pub_url": f"{PUB}/job/{job.name}/{job.version}"})
            for job in uow.jobs.list_all()
        ]

    with unit_of_work.reading() as uow:
        listed = [job.text for job in texts.list_all(uow, EVERYTHING)]

    assert b"[%b]" % b",".join(listed) == TypeAdapter(list[JobDto]).dump_json(expected)


@pytest.mark.parametrize(
    ("column", "value", "shown"),
    [
        ("status", "lost", {"status": "lost"}),
        ("notice", "look", {"notice": "look"}),
        ("image_tag", "other", {"image_tag": "other"}),
        ("internal_name", "10.0.0.1:80", {"internal_name": "10.0.0.1:80"}),
        ("manifest", "no manifest", {"manifest_yaml": "no manifest", "manifest": None}),
        ("infrastructure_stats", '{"a": 1}', {"infrastructure_stats": {"a": 1}}),
        ("deployed_by", "anna", {"deployed_by": "anna"}),
    ],
)
def test_a_change_by_plain_sql_is_shown_at_once(
    texts: JobTexts, unit_of_work: UnitOfWorkFactory, column, value, shown
):
    with unit_of_work() as uow:
        uow.jobs.save(a_job())
    before = get_only(texts, unit_of_work)

    with unit_of_work() as uow:
        uow.session.execute(text(f"UPDATE registry_job SET {column} = :value"), {"value": value})

    assert get_only(texts, unit_of_work) == before | shown


def test_a_call_is_shown_at_once(texts: JobTexts, unit_of_work: UnitOfWorkFactory, clock):
    with unit_of_work() as uow:
        uow.jobs.save(a_job())
    assert get_only(texts, unit_of_work)["last_call_time"] is None

    with unit_of_work() as uow:
        uow.jobs.note_call("adder", "0.0.1", clock.now())

    assert get_only(texts, unit_of_work)["last_call_time"] == int(clock.now().timestamp())


def test_a_pin_is_shown_at_once_and_so_is_its_release(
    texts: JobTexts, unit_of_work: UnitOfWorkFactory
):
    with unit_of_work() as uow:
        uow.jobs.save(a_job())
    assert get_only(texts, unit_of_work)["is_pinned"] is False

    with unit_of_work() as uow:
        uow.version_pins.save("adder", "0.0.1")
    assert get_only(texts, unit_of_work)["is_pinned"] is True

    with unit_of_work() as uow:
        uow.version_pins.remove("adder")
    assert get_only(texts, unit_of_work)["is_pinned"] is False


def test_a_change_by_another_process_is_shown_at_once(texts: JobTexts, sqlite_template, tmp_path):
    path = tmp_path / "shared.sqlite3"
    path.write_bytes(sqlite_template.read_bytes())
    engines = [connect_sqlite(path) for _ in range(2)]
    ours, theirs = (UnitOfWorkFactory(engine) for engine in engines)
    with ours() as uow:
        uow.jobs.save(a_job())
    assert get_only(texts, ours)["status"] == "running"

    with theirs() as uow:
        uow.jobs.save(a_job(status=JobStatus.ERROR))
    assert get_only(texts, ours)["status"] == "error"

    with theirs() as uow:
        uow.jobs.remove("adder", "0.0.1")
    assert list_all(texts, ours) == []
    for engine in engines:
        engine.dispose()


def test_all_jobs_are_listed_by_time_and_some_jobs_by_name(
    texts: JobTexts, unit_of_work: UnitOfWorkFactory
):
    with unit_of_work() as uow:
        for age, name in enumerate(["b", "c", "a"]):
            uow.jobs.save(a_job(name, update_time=A_TIME - age))
        uow.jobs.save(a_job("a", "0.0.2", update_time=A_TIME - 9))
        esc = uow.auth_subjects.get_or_add_of_esc(uow.escs.add("caller", "esc-1").id)
        for name in ("a", "b"):
            family = uow.families.get(name)
            uow.permissions.grant(esc.id, AuthScope.READ_JOB, job_family_id=family.id)

    some = list_all(texts, unit_of_work, Sight(AuthScope.READ_JOB, holder_id=esc.id))

    assert [job["name"] for job in list_all(texts, unit_of_work)] == ["b", "c", "a", "a"]
    assert [f"{job['name']} {job['version']}" for job in some] == ["a 0.0.1", "a 0.0.2", "b 0.0.1"]


def test_a_page_says_who_owns_a_job_and_may_leave_its_manifests_out(
    texts: JobTexts, uow: UnitOfWork
):
    uow.jobs.save(a_job())
    (job,) = texts.read_page(uow, WantedJobs(), EVERYTHING, Page(10)).jobs
    owner = b'"owner_email":' + job.owner

    whole, short = (
        json.loads(job.extend(owner)),
        json.loads(job.extend(owner, with_manifests=False)),
    )

    assert whole == json.loads(job.text) | {"owner_email": "sample@example.com"}
    assert short == whole | {"manifest": None, "manifest_yaml": None}
