import json

import pytest
from lifecycle.domain.audit import AuditFilter
from lifecycle.domain.auth import UserRights
from lifecycle.maintenance import is_maintenance_mode
from lifecycle.testing.fakes import FakeInstances, a_target
from racetrack_commons.entities.dto import ChangeKind
from racetrack_commons.testing.builders import a_job

A_DATE = "2026-01-31T12:00:00+00:00"


def last_event(app_uow):
    with app_uow.reading() as uow:
        return uow.audit.list_newest(AuditFilter())[0]


def test_a_record_is_added_shown_changed_and_removed(staff, app_uow):
    added = staff.add("registry_esc", name="shop")
    key = added.json()["fields"]["id"]
    assert added.json() == {"fields": {"name": "shop", "id": key}}
    assert staff.get("registry_esc", key) == {"id": key, "name": "shop"}

    assert staff.change("registry_esc", key, name="store", id="ignored").json() is None
    assert staff.get("registry_esc", key)["name"] == "store"

    assert staff.remove("registry_esc", key).json() is None
    assert staff.ask("GET", f"table/registry_esc/id/{key}").status_code == 404
    assert staff.change("registry_esc", key, name="x").status_code == 404
    assert staff.remove("registry_esc", key).status_code == 404


def test_a_change_of_nothing_is_fine(staff, families):
    assert staff.change("registry_jobfamily", families[0]["id"]).status_code == 200


def test_a_duplicate_is_a_conflict(staff, families):
    assert staff.add("registry_jobfamily", name="a").status_code == 409


def test_every_kind_of_value_comes_back_as_it_was_given(staff):
    fields = {
        "id": "11111111-2222-3333-4444-555555555555",
        "status": "ongoing",
        "started_at": "2026-01-31T14:00:00.250+02:00",
        "ended_at": None,
        "job_name": "adder",
        "job_version": "0.0.1",
        "job_path": "/",
        "request_method": "GET",
        "request_url": "/",
        "request_headers": '{"X-Racetrack-Auth": "secret"}',
        "request_body": "ä",
        "response_status_code": None,
        "response_headers": '{"a": "b"}',
        "response_body": "",
        "attempts": 2,
        "pub_instance_addr": "",
        "retriable_error": "false",
    }
    assert staff.add("registry_asyncjobcall", **fields).status_code == 200

    shown = staff.get("registry_asyncjobcall", fields["id"])
    assert shown["started_at"] == "2026-01-31T12:00:00.250000+00:00"
    assert (shown["request_body"], shown["attempts"]) == ("ä", 2)
    assert shown["retriable_error"] is False
    assert json.loads(shown["response_headers"]) == {"a": "b"}
    assert shown["request_headers"] == "***"
    [listed] = staff.list("registry_asyncjobcall")
    assert listed == shown


def test_names_of_an_address_list_travel_as_one_text(staff, app_uow):
    with app_uow() as uow:
        job = uow.jobs.save(a_job(replica_internal_names=["a:1", "b:1"]))

    assert staff.get("registry_job", job.id)["replica_internal_names"] == "a:1,b:1"
    staff.change("registry_job", job.id, replica_internal_names="c:1,d:1")
    with app_uow.reading() as uow:
        assert uow.jobs.get("adder", "0.0.1").replica_internal_names == ["c:1", "d:1"]


def test_a_setting_of_json_true_switches_maintenance_on(staff, app_uow):
    assert staff.add("registry_setting", name="maintenance_mode", value="true").status_code == 200
    with app_uow.reading() as uow:
        assert is_maintenance_mode(uow)
    assert staff.get("registry_setting", "maintenance_mode")["value"] == "true"


def test_passwords_are_hashed_masked_and_kept_when_written_back(client, staff, app_uow):
    fields = {"username": "anna", "password": "correct horse", "date_joined": A_DATE}
    answer = staff.add("auth_user", **fields, is_active=True)
    key = answer.json()["fields"]["id"]
    assert answer.json()["fields"]["password"] == "***"
    assert isinstance(key, int)

    assert staff.get("auth_user", key)["password"] == "***"
    login = {"username": "anna", "password": "correct horse"}
    assert client.post("/lifecycle/api/v1/users/login", json=login).status_code == 200
    staff.change("auth_user", key, password="***", email="anna@example.com")
    assert client.post("/lifecycle/api/v1/users/login", json=login).status_code == 200
    assert "correct horse" not in json.dumps(last_event(app_uow).properties)


def test_a_hash_of_an_older_installation_is_taken_as_it_is(staff, app_uow):
    older = "pbkdf2_sha256$1$salt$aGFzaA=="
    staff.add("auth_user", username="anna", password=older, date_joined=A_DATE)

    with app_uow.reading() as uow:
        assert uow.users.find("anna").password == older


def test_a_token_without_text_is_signed_and_shown_once(client, staff, app_uow):
    with app_uow() as uow:
        subject = uow.auth_subjects.get_or_add_of_esc(uow.escs.add("shop", None).id)

    fields = staff.add("registry_authtoken", auth_subject_id=subject.id).json()["fields"]

    assert staff.get("registry_authtoken", fields["id"])["token"] == "***"
    answer = client.get("/lifecycle/api/v1/deploy", headers={"X-Racetrack-Auth": fields["token"]})
    assert answer.status_code == 200


def test_writing_is_audited_with_what_was_before(staff, app_uow):
    key = staff.add("registry_esc", name="shop").json()["fields"]["id"]
    event = last_event(app_uow)
    assert (event.event_type, event.username_executor) == ("record_created", "admin")

    staff.change("registry_esc", key, name="store")
    event = last_event(app_uow)
    assert event.event_type == "record_changed"
    assert event.properties == {
        "table": "registry_esc",
        "id": key,
        "before": {"name": "shop"},
        "after": {"name": "store"},
    }

    staff.remove("registry_esc", key)
    assert last_event(app_uow).event_type == "record_deleted"


def test_the_audit_log_can_not_be_changed(staff, app_uow):
    staff.add("registry_esc", name="shop")
    [event] = staff.list("registry_auditlogevent")

    assert staff.change("registry_auditlogevent", event["id"], version=2).status_code == 400
    assert staff.remove("registry_auditlogevent", event["id"]).status_code == 400


def test_several_are_removed_all_or_none(staff, families):
    path, keys = "table/registry_jobfamily/many", [family["id"] for family in families]

    assert staff.ask("DELETE", path, {"record_ids": [keys[0], "gone"]}).status_code == 404
    assert len(staff.list("registry_jobfamily")) == 3
    assert staff.ask("DELETE", path, {"record_ids": keys[:2]}).json() is None
    assert [family["id"] for family in staff.list("registry_jobfamily")] == keys[2:]


@pytest.mark.parametrize("table", ["registry_job", "registry_jobfamily"])
def test_what_runs_of_a_removed_job_is_stopped(client, staff, app_uow, table):
    instances = FakeInstances()
    client.app.state.services.infrastructure._built_in["process"] = a_target(instances)
    with app_uow() as uow:
        job = uow.jobs.save(a_job())
        family = uow.families.get("adder")
    stopped = []
    instances.stop_instance = lambda *arguments: stopped.append(arguments)

    assert staff.remove(table, job.id if table == "registry_job" else family.id).json() is None

    assert len(stopped) == 1
    with app_uow.reading() as uow:
        assert uow.jobs.list_all() == []
        assert uow.trash.has_job("adder", "0.0.1")
        events = [event.event_type for event in uow.audit.list_newest(AuditFilter())]
    assert "job_deleted" in events


def test_a_changed_job_is_told_to_pub_and_to_pages(staff, app_uow):
    with app_uow() as uow:
        job = uow.jobs.save(a_job())
        before = uow.changes.get_newest_id()

    staff.change("registry_job", job.id, status="error")

    with app_uow.reading() as uow:
        kinds = [change.kind for change in uow.changes.list_after(before)]
    assert kinds == [ChangeKind.JOB, ChangeKind.AUDIT]


@pytest.mark.parametrize(
    ("table", "fields"),
    [
        ("auth_user", {"is_superuser": True}),
        ("registry_authresourcepermission", {"scope": "full_access"}),
        ("registry_authtoken", {"active": True}),
        ("registry_authsubject", {"user_id": 1}),
    ],
)
def test_staff_that_is_no_superuser_writes_no_tables_of_power(
    client, app_uow, staff_with, table, fields
):
    services = client.app.state.services
    services.users.register("ann@example.com", "a-long-phrase")
    with app_uow() as uow:
        rights = UserRights(is_active=True, is_staff=True, is_superuser=False)
        uow.users.set_rights("ann@example.com", rights)
        subject = uow.auth_subjects.find_of_user(uow.users.get("ann@example.com").id)
        headers = {"X-Racetrack-Auth": services.tokens.ensure_valid(uow, subject)}
    ann = staff_with(headers)

    assert ann.list(table) is not None
    refused = (ann.add(table, **fields), ann.change(table, "1", **fields), ann.remove(table, "1"))
    assert [answer.status_code for answer in refused] == [401] * 3


def test_what_is_changed_about_people_reaches_pub(staff, app_uow):
    with app_uow.reading() as uow:
        before, user = uow.changes.get_newest_id(), uow.users.get("admin")
    assert staff.change("auth_user", user.id, username="--everything").status_code == 400
    assert staff.change("auth_user", user.id, username="boss").json() is None
    with app_uow.reading() as uow:
        told = [change.kind for change in uow.changes.list_after(before)]
    assert told == ["audit", "auth", "user"]
