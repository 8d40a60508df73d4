from lifecycle.database.tables.job import JobManifestRow, JobRow
from lifecycle.database.unit_of_work import UnitOfWork, UnitOfWorkFactory
from lifecycle.domain.indexed_jobs import JobChanges
from lifecycle.domain.listed_jobs import make_version_key
from racetrack_commons.testing.builders import a_job, a_manifest_yaml
from racetrack_commons.testing.serving import wait_until
from sqlalchemy import func, select, update


def test_keys_of_versions_sort_like_versions():
    versions = ["x", "0.0.9", "0.1.0-a", "0.1.0-b", "0.1.0", "1.2.3", "1.10.0", "12.0.0"]
    keys = [make_version_key(version) for version in versions]
    assert keys == sorted(keys)


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


def read_changes(unit_of_work: UnitOfWorkFactory, since: int) -> JobChanges:
    with unit_of_work.reading() as uow:
        return uow.job_lists.read_changes(since)


def test_only_changed_jobs_are_read_again(unit_of_work: UnitOfWorkFactory):
    with unit_of_work() as uow:
        for name in ("a", "b", "c"):
            uow.jobs.save(a_job(name))
    before = read_changes(unit_of_work, 0)

    def is_settled() -> bool:
        return not read_changes(unit_of_work, read_changes(unit_of_work, 0).next_number).changed

    # PostgreSQL lets them be read again while an older transaction goes on, be it in another database.
    wait_until(is_settled)
    since = read_changes(unit_of_work, 0).next_number
    with unit_of_work() as uow:
        uow.jobs.save(a_job("b", image_tag="other"))
        uow.jobs.remove("c", "0.0.1")

    changes = read_changes(unit_of_work, since)

    assert {job.name for job in before.changed} == {"a", "b", "c"}
    assert ([job.name for job in changes.changed], changes.total) == (["b"], 2)
