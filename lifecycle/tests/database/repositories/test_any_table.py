import pytest
from lifecycle.database.connections import ConflictingRow
from lifecycle.database.record_tables import RECORD_TABLES, RecordQuery, get_record_table
from racetrack_client.log.errors import EntityNotFound, ValidationError
from racetrack_commons.testing.builders import a_job

FAMILIES = get_record_table("registry_jobfamily")
JOBS = get_record_table("registry_job")
SETTINGS = get_record_table("registry_setting")


@pytest.fixture
def records(uow):
    add_families(uow, *"bac")
    return uow.records


def list_names(records, **wanted):
    query = RecordQuery(columns=["name"], **wanted)
    return [record["name"] for record in records.list(FAMILIES, query)]


def test_every_table_can_be_listed_and_counted(uow):
    for table in RECORD_TABLES:
        wanted = RecordQuery(order_by=[table.primary_key.name], offset=1)
        assert uow.records.list(table, wanted) == []
        assert uow.records.count(table, {table.primary_key.name: None}) == 0


def test_records_are_sorted_and_paged(records):
    assert list_names(records, order_by=["-name"]) == ["c", "b", "a"]
    assert list_names(records, order_by=["name"], offset=1) == ["b", "c"]
    assert list_names(records, order_by=["name"], offset=1, limit=1) == ["b"]
    assert list_names(records, filters={"name": "a"}) == ["a"]


def test_json_is_text_outside_and_a_value_inside(uow):
    uow.records.add(SETTINGS, {"name": "one", "value": '{"a": [1, null]}'})
    uow.records.add(SETTINGS, {"name": "two", "value": None})

    assert uow.settings.find("one") == {"a": [1, None]}
    listed = uow.records.list(SETTINGS, RecordQuery(order_by=["name"]))
    assert [record["value"] for record in listed] == ['{"a": [1, null]}', None]
    assert uow.records.count(SETTINGS, {"value": None}) == 1
    assert uow.records.count(SETTINGS, {"value": '{"a": [1, null]}'}) == 1


def test_times_and_numbers_are_typed_when_listed(uow):
    job = uow.jobs.save(a_job(infrastructure_stats={"memory_bytes": 1}))

    [listed] = uow.records.list(JOBS, RecordQuery())

    assert listed == uow.records.get(JOBS, job.id)
    assert listed["create_time"].endswith("+00:00")
    assert listed["infrastructure_stats"] == '{"memory_bytes": 1}'
    assert uow.records.count(JOBS, {"create_time": listed["create_time"]}) == 1


def test_a_change_tells_what_was_before(records, uow):
    [family] = records.list(FAMILIES, RecordQuery(filters={"name": "a"}))

    change = records.change(FAMILIES, family["id"], {"name": "d", "id": "ignored"})

    assert change.key == family["id"]
    assert change.properties == {"before": {"name": "a"}, "after": {"name": "d"}}


def test_keys_that_the_database_counts_are_told(uow):
    table = get_record_table("auth_user")
    values = {"username": "anna", "password": "x", "date_joined": "2026-01-31T12:00:00Z"}

    change = uow.records.add(table, values)

    assert uow.records.get(table, change.key)["id"] == int(change.key)


def test_what_is_missing_or_there_already_is_refused(records):
    with pytest.raises(EntityNotFound):
        records.get(FAMILIES, "gone")
    with pytest.raises(EntityNotFound):
        records.list_names(FAMILIES, ["gone"])
    with pytest.raises(EntityNotFound):
        get_record_table("sqlite_master")
    with pytest.raises(ValidationError):
        records.count(FAMILIES, {"nothing": 1})


@pytest.mark.parametrize("name", ["a", None])
def test_a_conflict_is_one_of_the_caller(unit_of_work, name):
    with pytest.raises(ConflictingRow), unit_of_work() as uow:
        add_families(uow, "a", name)


def add_families(uow, *names):
    for name in names:
        uow.records.add(FAMILIES, {"name": name})


def test_removing_a_record_removes_what_belongs_to_it(uow):
    job = uow.jobs.save(a_job())
    uow.public_endpoints.request(job.id, ["/docs"])

    uow.records.remove(JOBS, job.id)

    assert uow.records.count(get_record_table("registry_publicendpointrequest"), {}) == 0
