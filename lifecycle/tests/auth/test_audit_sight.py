import pytest
from lifecycle.audit import AuditEvent, describe_change, write_event
from lifecycle.auth.audit_sight import hide_contents
from lifecycle.auth.authenticate import AuthSubject, make_subject
from lifecycle.domain.audit import AuditFilter
from racetrack_client.entities import AuthScope
from racetrack_commons.entities.audit import AuditEventType
from racetrack_commons.testing.builders import a_job

CHANGE = describe_change(
    {"manifest": "runtime_env: {A: tulip}", "image_tag": "1"},
    {"manifest": "runtime_env: {A: rose}", "image_tag": "2"},
)


@pytest.fixture
def esc(uow) -> AuthSubject:
    return make_subject(uow.auth_subjects.get_or_add_of_esc(uow.escs.add("spy", None).id))


def see(uow, subject, event, clock):
    write_event(uow, event, clock.now())
    (seen,) = hide_contents(uow, subject, uow.audit.list_newest(AuditFilter()))
    return seen.properties


def an_edit() -> AuditEvent:
    kind = AuditEventType.MANIFEST_EDITED
    return AuditEvent(kind, "anna", job_name="adder", job_version="0.0.1", properties=CHANGE)


def test_a_caller_who_may_not_read_the_job_sees_digests_of_its_manifest(uow, esc, clock):
    uow.jobs.save(a_job())

    seen = see(uow, esc, an_edit(), clock)

    assert "tulip" not in str(seen)
    assert "rose" not in str(seen)
    assert seen["before"]["manifest"].startswith("sha256:")
    assert seen["before"]["manifest"] != seen["after"]["manifest"]
    assert seen["after"]["image_tag"] == "2"


def test_readers_of_the_job_see_its_manifest(uow, esc, clock):
    job = uow.jobs.save(a_job())
    uow.permissions.grant(esc.id, AuthScope.READ_JOB, job_id=job.id)

    assert see(uow, esc, an_edit(), clock) == CHANGE


def test_readers_of_the_family_see_the_manifest_of_a_deleted_version(uow, esc, clock):
    family = uow.families.get_or_add("adder")
    assert "rose" not in str(see(uow, esc, an_edit(), clock))

    uow.permissions.grant(esc.id, AuthScope.READ_JOB, job_family_id=family.id)
    (seen,) = hide_contents(uow, esc, uow.audit.list_newest(AuditFilter()))
    assert seen.properties == CHANGE


def test_edited_records_are_shown_to_administrators_only(uow, esc, clock):
    properties = {"table": "registry_job", "id": "1", **CHANGE}
    event = AuditEvent(AuditEventType.RECORD_CHANGED, "admin", properties=properties)

    seen = see(uow, esc, event, clock)
    assert "rose" not in str(seen)
    assert (seen["table"], seen["id"]) == ("registry_job", "1")

    uow.permissions.grant(esc.id, AuthScope.CALL_ADMIN_API)
    (seen,) = hide_contents(uow, esc, uow.audit.list_newest(AuditFilter()))
    assert seen.properties == properties
