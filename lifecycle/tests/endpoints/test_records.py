import json

import pytest
from lifecycle.database.dto import UserRights
from lifecycle.database.repositories.audit import AuditFilter
from lifecycle.maintenance import is_maintenance_mode
from lifecycle.testing.builders import a_job
from lifecycle.testing.fakes import FakeInstances, a_target
from racetrack_commons.auth.scope import AuthSubjectType
from racetrack_commons.entities.dto import ChangeKind

API = "/lifecycle/api/v1/records"
A_DATE = "2026-01-31T12:00:00+00:00"


class Staff:
    """The API of records, as the dashboard calls it."""

    def __init__(self, client, headers):
        self._client, self._headers = client, headers

    def ask(self, method, path, body=None):
        return self._client.request(method, f"{API}/{path}", json=body, headers=self._headers)

    def list(self, table, **wanted):
        answer = self.ask("POST", f"table/{table}/list", wanted)
        assert answer.status_code == 200, answer.text
        return [record["fields"] for record in answer.json()["records"]]

    def add(self, table, **fields):
        return self.ask("POST", f"table/{table}", {"fields": fields})

    def get(self, table, key):
        return self.ask("GET", f"table/{table}/id/{key}").json()["fields"]

    def change(self, table, key, **fields):
        return self.ask("PUT", f"table/{table}/id/{key}", {"fields": fields})

    def remove(self, table, key):
        return self.ask("DELETE", f"table/{table}/id/{key}")


@pytest.fixture
def staff(client, admin):
    return Staff(client, admin)


@pytest.fixture
def families(staff):
    return [staff.add("registry_jobfamily", name=name).json()["fields"] for name in "bac"]


def last_event(app_uow):
    with app_uow.reading() as uow:
        return uow.audit.list_newest(AuditFilter())[0]


def test_the_tables_are_those_that_dashboards_know(staff):
    tables = staff.ask("GET", "tables").json()

    assert [(table["table_name"], table["class_name"]) for table in tables] == [
        ("registry_jobfamily", "JobFamily"),
        ("registry_job", "Job"),
        ("registry_deployment", "Deployment"),
        ("registry_esc", "Esc"),
        ("registry_publicendpointrequest", "PublicEndpointRequest"),
        ("registry_trashjob", "TrashJob"),
        ("registry_auditlogevent", "AuditLogEvent"),
        ("auth_user", "User"),
        ("registry_authsubject", "AuthSubject"),
        ("registry_authtoken", "AuthToken"),
        ("registry_authresourcepermission", "AuthResourcePermission"),
        ("registry_setting", "Setting"),
        ("registry_asyncjobcall", "AsyncJobCall"),
    ]
    one = staff.ask("GET", "table/registry_job/metadata").json()
    assert one == tables[1]
    assert (one["plural_name"], one["primary_key_column"]) == ("Jobs", "id")
    assert one["foreign_keys"] == {"family_id": "registry_jobfamily"}


# As older servers list them, and what we have beside it: s str, d datetime, i int, f float, b bool, y bytes; ? is | None.
COLUMNS = {
    "registry_job": "id s, family_id s, name s, version s, status s, create_time d, update_time d,"
    " manifest s?, internal_name s?, error s?, notice s?, image_tag s?, deployed_by s?,"
    " last_call_time d?, infrastructure_target s?, replica_internal_names s?, job_type_version s,"
    " infrastructure_stats s?",
    "registry_deployment": "id s, status s, create_time d, update_time d, manifest s, error s?,"
    " job_name s, job_version s, deployed_by s?, build_logs s?, phase s?, image_name s?,"
    " infrastructure_target s?, warnings s?",
    "registry_publicendpointrequest": "id s, job_id s, endpoint s, active b",
    "registry_trashjob": "id s, name s, version s, status s, create_time d, update_time d,"
    " delete_time d, manifest s?, internal_name s?, error s?, image_tag s?, deployed_by s?,"
    " last_call_time d?, infrastructure_target s?, age_days f",
    "registry_auditlogevent": "id s, version i, timestamp d, event_type s, properties s?,"
    " username_executor s?, username_subject s?, job_name s?, job_version s?",
    "auth_user": "id i, username s, email s, first_name s, last_name s, password s, date_joined d,"
    " last_login d?, is_active b, is_staff b, is_superuser b",
    "registry_authsubject": "id s, user_id i?, esc_id s?, job_family_id s?",
    "registry_authtoken": "id s, auth_subject_id s, token s, expiry_time d?, active b,"
    " last_use_time d?, create_time d?",
    "registry_authresourcepermission": "id i?, auth_subject_id s, scope s, job_family_id s?,"
    " job_id s?, endpoint s?",
    "registry_setting": "name s, value s?",
    "registry_asyncjobcall": "id s, status s, started_at d, ended_at d?, error s?, job_name s,"
    " job_version s, job_path s, request_method s, request_url s, request_headers s?,"
    " request_body y, response_status_code i?, response_headers s?, response_body y, attempts i,"
    " pub_instance_addr s, retriable_error b",
}
KINDS = {"s": "str", "d": "datetime", "i": "int", "f": "float", "b": "bool", "y": "bytes"}


@pytest.mark.parametrize("table", COLUMNS)
def test_columns_stand_in_the_order_and_have_the_types_that_dashboards_know(staff, table):
    metadata = staff.ask("GET", f"table/{table}/metadata").json()

    expected = {}
    for part in COLUMNS[table].split(","):
        name, kind = part.split()
        expected[name] = KINDS[kind[0]] + (" | None" if kind.endswith("?") else "")
    assert metadata["all_columns"] == list(expected)
    assert metadata["column_types"] == expected


def test_records_are_sorted_paged_counted_and_cut_to_columns(staff, families):
    table = "registry_jobfamily"
    names = [record["name"] for record in staff.list(table, order_by=["name"])]
    assert names == ["a", "b", "c"]
    assert staff.list(table, order_by=["-name"], offset=1, columns=["name"]) == [
        {"name": "b"},
        {"name": "a"},
    ]
    assert staff.list(table, order_by=["name"], limit=1, offset=2, columns=["name"]) == [
        {"name": "c"}
    ]
    assert len(staff.list(table, limit=0)) == 3
    count = staff.ask("POST", f"table/{table}/count", {"filters": {"name": "a"}})
    assert count.json() == 1
    assert staff.ask("POST", f"table/{table}/count", {}).json() == 3


def test_the_answer_repeats_columns_and_key(staff, families):
    answer = staff.ask("POST", "table/registry_jobfamily/list", {"columns": ["name"]}).json()
    assert (answer["columns"], answer["primary_key_column"]) == (["name"], "id")
    answer = staff.ask("POST", "table/registry_jobfamily/list", {}).json()
    assert answer["columns"] == ["id", "name"]


def test_a_filter_by_null_finds_records_without_a_value(staff, app_uow):
    with app_uow() as uow:
        uow.jobs.save(a_job("failing", error="boom"))
        uow.jobs.save(a_job("good"))

    found = staff.list("registry_job", filters={"error": None}, columns=["name"])
    assert found == [{"name": "good"}]


def test_filters_are_typed_by_their_column(staff, app_uow):
    with app_uow() as uow:
        uow.jobs.save(a_job())
    [job] = staff.list("registry_job")
    local = job["create_time"].replace("+00:00", "Z")
    assert staff.list("registry_job", filters={"create_time": local, "name": "adder"}) == [job]
    assert staff.list("auth_user", filters={"is_staff": False}) == []
    assert len(staff.list("auth_user", filters={"is_staff": "true", "id": "1"})) == 1


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("table/nothing/count", {}, 404),
        ("table/registry_job/list", {"columns": ["nothing"]}, 400),
        ("table/registry_job/list", {"order_by": ["-nothing"]}, 400),
        ("table/registry_job/list", {"filters": {"nothing": 1}}, 400),
        ("table/registry_job/list", {"filters": {"create_time": "yesterday"}}, 400),
        ("table/registry_job/list", {"offset": -1}, 422),
        ("table/auth_user/list", {"filters": {"id": "one"}}, 400),
        ("table/auth_user/list", {"filters": {"id": 2**70}}, 400),
        ("table/auth_user/list", {"filters": {"is_staff": "perhaps"}}, 400),
        ("table/auth_user/list", {"filters": {"password": "x"}}, 400),
        ("table/registry_trashjob/list", {"filters": {"age_days": "nan"}}, 400),
        ("table/registry_job", {"fields": {"nothing": 1}}, 400),
        ("table/registry_job", {"fields": {"name": 1}}, 400),
        ("table/registry_esc", {"fields": {}}, 409),
        ("table/registry_setting", {"fields": {"name": "x", "value": "{"}}, 400),
        ("table/registry_authtoken", {"fields": {}}, 400),
        ("table/auth_user", {"fields": {"username": "anna", "password": "***"}}, 400),
        ("table/auth_user", {"fields": {"username": "anna", "password": "weak"}}, 400),
        ("table/registry_auditlogevent", {"fields": {}}, 400),
    ],
)
def test_what_is_wrong_is_refused(staff, path, body, status):
    answer = staff.ask("POST", path, body)

    assert answer.status_code == status, answer.text
    assert answer.json()["error"]


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
        subject = uow.auth_subjects.ensure_of_esc(uow.escs.add("shop", None).id)

    fields = staff.add("registry_authtoken", auth_subject_id=subject.id).json()["fields"]

    assert staff.get("registry_authtoken", fields["id"])["token"] == "***"
    answer = client.get("/lifecycle/api/v1/deploy", headers={"X-Racetrack-Auth": fields["token"]})
    assert answer.status_code == 200


def test_records_are_named(staff, app_uow):
    with app_uow() as uow:
        job = uow.jobs.save(a_job())
        esc = uow.escs.add("shop", None)
        subjects = [
            uow.auth_subjects.ensure_of_esc(esc.id),
            uow.auth_subjects.ensure_of_family(uow.families.get("adder").id),
            *uow.auth_subjects.list_of_type(AuthSubjectType.USER),
        ]

    def name(table, *keys):
        return staff.ask("POST", f"table/{table}/names", {"record_ids": [*keys]}).json()

    assert name("registry_job", job.id, "") == {"id_to_name": {job.id: "adder 0.0.1"}}
    assert name("auth_user", "1") == {"id_to_name": {"1": "admin"}}
    keys = [subject.id for subject in subjects]
    assert list(name("registry_authsubject", *keys)["id_to_name"].values()) == [
        "ESC: shop",
        "Job Family: adder",
        "User: admin",
    ]
    assert name("registry_setting", "x") == {"id_to_name": {}}
    assert "error" in name("registry_esc", esc.id, "gone")


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
        assert uow.trash.has("adder", "0.0.1")
        events = [event.event_type for event in uow.audit.list_newest(AuditFilter())]
    assert "job_deleted" in events


def test_a_changed_job_is_told_to_pub(staff, app_uow):
    with app_uow() as uow:
        job = uow.jobs.save(a_job())
        before = uow.changes.get_newest_id()

    staff.change("registry_job", job.id, status="error")

    with app_uow.reading() as uow:
        kinds = [change.kind for change in uow.changes.list_after(before)]
    assert kinds == [ChangeKind.JOB]


def test_only_staff_sees_records(client, internal):
    assert client.get(f"{API}/tables").status_code == 401
    assert client.get(f"{API}/tables", headers=internal).status_code == 401


@pytest.mark.parametrize(
    ("table", "fields"),
    [
        ("auth_user", {"is_superuser": True}),
        ("registry_authresourcepermission", {"scope": "full_access"}),
        ("registry_authtoken", {"active": True}),
        ("registry_authsubject", {"user_id": 1}),
    ],
)
def test_staff_that_is_no_superuser_writes_no_tables_of_power(client, app_uow, table, fields):
    services = client.app.state.services
    services.users.register("ann@example.com", "a-long-phrase")
    with app_uow() as uow:
        rights = UserRights(is_active=True, is_staff=True, is_superuser=False)
        uow.users.set_rights("ann@example.com", rights)
        subject = uow.auth_subjects.find_of_user(uow.users.get("ann@example.com").id)
        headers = {"X-Racetrack-Auth": services.tokens.ensure(uow, subject)}
    ann = Staff(client, headers)

    assert ann.list(table) is not None
    refused = (ann.add(table, **fields), ann.change(table, "1", **fields), ann.remove(table, "1"))
    assert [answer.status_code for answer in refused] == [401] * 3


def test_what_is_changed_about_people_reaches_pub(staff, app_uow):
    with app_uow.reading() as uow:
        before, user = uow.changes.get_newest_id(), uow.users.get("admin")
    assert staff.change("auth_user", user.id, username="boss").json() is None
    with app_uow.reading() as uow:
        assert [change.kind for change in uow.changes.list_after(before)] == ["auth"]
