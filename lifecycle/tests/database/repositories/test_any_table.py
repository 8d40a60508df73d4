import pytest
from lifecycle.database.connections import ConflictingRow
from lifecycle.database.record_tables import (
    RECORD_TABLES,
    RecordFilter,
    RecordQuery,
    get_record_table,
)
from racetrack_client.log.errors import EntityNotFound, ValidationError
from racetrack_commons.entities.records import RecordCondition
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
        assert uow.records.count(table, RecordFilter({table.primary_key.name: None})) == 0


def test_records_are_sorted_and_paged(records):
    assert list_names(records, order_by=["-name"]) == ["c", "b", "a"]
    assert list_names(records, order_by=["name"], offset=1) == ["b", "c"]
    assert list_names(records, order_by=["name"], offset=1, limit=1) == ["b"]
    assert list_names(records, filter=RecordFilter({"name": "a"})) == ["a"]


@pytest.mark.parametrize(
    ("column", "operator", "value", "found"),
    [
        ("name", "equal", "beta_1", "beta_1"),
        ("name", "unequal", "beta_1", "alpha 100%"),
        ("name", "contains", "ALPHA", "alpha"),
        ("name", "contains", "%", "100%"),
        ("name", "contains", "a_1", "beta_1"),
        ("name", "below", "b", "alpha 100%"),
        ("name", "above", "alpha 100%", "beta_1"),
        ("error", "empty", None, "alpha"),
        ("error", "filled", None, "beta_1 100%"),
        ("error", "unequal", "boom", "alpha 100%"),
        ("error", "equal", None, "alpha"),
        ("update_time", "below", "1970-01-01T00:00:02Z", "alpha"),
        ("update_time", "above", "1970-01-01T00:00:02+00:00", "100%"),
        ("infrastructure_stats", "contains", "memory", "beta_1"),
        ("infrastructure_stats", "empty", None, "alpha 100%"),
    ],
)
def test_conditions_compare_columns(uow, column, operator, value, found):
    uow.jobs.save(a_job("alpha", update_time=1))
    stats = {"memory_bytes": 1}
    uow.jobs.save(a_job("beta_1", error="boom", update_time=2, infrastructure_stats=stats))
    uow.jobs.save(a_job("100%", error="bust", update_time=3))
    condition = RecordCondition(column=column, operator=operator, value=value)
    wanted = RecordFilter(conditions=[condition])

    listed = uow.records.list(JOBS, RecordQuery(wanted, columns=["name"]))

    assert {record["name"] for record in listed} == set(found.split())
    assert uow.records.count(JOBS, wanted) == len(listed)


@pytest.mark.parametrize(
    ("table", "column", "operator", "value"),
    [
        ("registry_job", "nothing", "filled", None),
        ("registry_job", "update_time", "above", "yesterday"),
        ("registry_job", "update_time", "contains", "2026"),
        ("registry_job", "infrastructure_stats", "below", "1"),
        ("registry_job", "name", "above", None),
        ("auth_user", "is_staff", "below", True),
        ("auth_user", "password", "contains", "pbkdf2"),
        ("registry_authtoken", "token", "above", "e"),
    ],
)
def test_conditions_that_a_column_can_not_meet_are_refused(uow, table, column, operator, value):
    condition = RecordCondition(column=column, operator=operator, value=value)
    with pytest.raises(ValidationError, match=column):
        uow.records.count(get_record_table(table), RecordFilter(conditions=[condition]))


def test_records_are_found_by_words_of_their_names(uow):
    jobs = [uow.jobs.save(a_job("adder", version)) for version in ("1.0.0", "1.1.0")]
    family = uow.auth_subjects.get_or_add_of_family(uow.families.get("adder").id)
    esc = uow.auth_subjects.get_or_add_of_esc(uow.escs.add("big_shop", None).id)
    subjects = get_record_table("registry_authsubject")

    def search(table, *words, limit=9):
        return uow.records.search_names(table, words, limit)

    assert search(JOBS, "ADD", "1.1") == {jobs[1].id: "adder 1.1.0"}
    assert list(search(JOBS).values()) == ["adder 1.0.0", "adder 1.1.0"]
    assert len(search(JOBS, limit=1)) == 1
    assert search(subjects, "adde") == {family.id: "Job Family: adder"}
    assert search(subjects, "g_s") == {esc.id: "ESC: big_shop"}
    assert search(subjects, "%") == {}
    assert search(SETTINGS) == {}


def test_json_is_text_outside_and_a_value_inside(uow):
    uow.records.add(SETTINGS, {"name": "one", "value": '{"a": [1, null]}'})
    uow.records.add(SETTINGS, {"name": "two", "value": None})

    assert uow.settings.find("one") == {"a": [1, None]}
    listed = uow.records.list(SETTINGS, RecordQuery(order_by=["name"]))
    assert [record["value"] for record in listed] == ['{"a": [1, null]}', None]
    assert uow.records.count(SETTINGS, RecordFilter({"value": None})) == 1
    assert uow.records.count(SETTINGS, RecordFilter({"value": '{"a": [1, null]}'})) == 1


def test_times_and_numbers_are_typed_when_listed(uow):
    job = uow.jobs.save(a_job(infrastructure_stats={"memory_bytes": 1}))

    [listed] = uow.records.list(JOBS, RecordQuery())

    assert listed == uow.records.get(JOBS, job.id)
    assert listed["create_time"].endswith("+00:00")
    assert listed["infrastructure_stats"] == '{"memory_bytes": 1}'
    assert uow.records.count(JOBS, RecordFilter({"create_time": listed["create_time"]})) == 1


def test_a_change_tells_what_was_before(records, uow):
    [family] = records.list(FAMILIES, RecordQuery(filter=RecordFilter({"name": "a"})))

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
        records.count(FAMILIES, RecordFilter({"nothing": 1}))


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

    assert (
        uow.records.count(get_record_table("registry_publicendpointrequest"), RecordFilter({})) == 0
    )
