import pytest
from lifecycle.job.manifest import edit_manifest
from lifecycle.maintenance import UnderMaintenance, set_maintenance_mode
from racetrack_client.log.errors import EntityNotFound, ValidationError
from racetrack_commons.entities.dto import ChangeKind
from racetrack_commons.testing.builders import a_job, a_manifest_yaml

TEXT = "# written by hand\n" + a_manifest_yaml()


def edit(uow, clock, job, text=TEXT):
    edit_manifest(uow, job, text, "anna", clock.now())


def test_an_edit_keeps_what_was_written_and_tells_pub(unit_of_work, clock):
    with unit_of_work() as uow:
        job = uow.jobs.save(a_job())
        before = uow.changes.get_newest_id()
    with unit_of_work() as uow:
        edit(uow, clock, job)
    with unit_of_work.reading() as uow:
        assert uow.jobs.get("adder", "0.0.1").manifest_yaml == TEXT
        told = [change.kind for change in uow.changes.list_after(before)]
    assert told == [ChangeKind.JOB, ChangeKind.AUDIT]


def test_a_manifest_of_another_job_is_refused(uow, clock):
    job = uow.jobs.save(a_job())

    with pytest.raises(ValidationError, match="name and version of a job can't change"):
        edit(uow, clock, job, a_manifest_yaml("adder", "0.0.2"))


def test_nothing_is_edited_in_maintenance(uow, clock):
    job = uow.jobs.save(a_job())
    set_maintenance_mode(uow, on=True)

    with pytest.raises(UnderMaintenance):
        edit(uow, clock, job)


def test_a_job_that_is_gone_meanwhile_is_not_edited(uow, clock):
    with pytest.raises(EntityNotFound):
        edit(uow, clock, a_job())
