import pytest
from racetrack_commons.auth.token import AuthSubjectType
from racetrack_commons.testing.builders import a_job

API = "/lifecycle/api/v1/records"


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
        ("table/auth_user/list", {"conditions": [{"column": "password"}]}, 400),
        ("table/auth_user/count", {"conditions": [{"column": "id", "operator": "like"}]}, 422),
        ("table/auth_user/count", {"conditions": [{"column": "id", "value": 1}] * 21}, 422),
        ("table/auth_user/search", {"limit": 101}, 422),
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


def test_records_are_named(staff, app_uow):
    with app_uow() as uow:
        job = uow.jobs.save(a_job())
        esc = uow.escs.add("shop", None)
        subjects = [
            uow.auth_subjects.get_or_add_of_esc(esc.id),
            uow.auth_subjects.get_or_add_of_family(uow.families.get("adder").id),
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


def test_conditions_and_names_find_records(staff, families):
    table = "registry_jobfamily"
    condition = {"column": "name", "operator": "above", "value": "a"}
    assert [each["name"] for each in staff.list(table, conditions=[condition])] == ["b", "c"]
    assert staff.ask("POST", f"table/{table}/count", {"conditions": [condition]}).json() == 2
    found = staff.ask("POST", f"table/{table}/search", {"search": "c"}).json()["id_to_name"]
    assert list(found.values()) == ["c"]


def test_only_staff_sees_records(client, internal):
    assert client.get(f"{API}/tables").status_code == 401
    assert client.get(f"{API}/tables", headers=internal).status_code == 401
