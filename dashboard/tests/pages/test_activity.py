import pytest
from dashboard.pages.survey.activity import (
    EventsQuery,
    find_midnight,
    list_changed_keys,
    write_value,
)
from starlette.datastructures import QueryParams


def test_the_url_holds_the_query():
    query = EventsQuery.read(QueryParams("job_name=a%26b&mine=1&page=3&other=x"))

    assert query == EventsQuery({"job_name": "a&b", "mine": "1"}, 3)
    assert query.to_url() == "/dashboard/activity?job_name=a%26b&mine=1&page=3"


def test_days_are_whole():
    params = EventsQuery({"since": "2026-11-27", "until": "2026-11-27"}).to_params(51, 0)

    assert params["until"] - params["from"] == 24 * 3600


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "9999-12-31"])
def test_what_is_no_day_is_no_filter(text):
    assert find_midnight(text, 1) is None


def test_changed_keys_are_those_of_both_sides():
    assert list_changed_keys({"a": 1}, {"b": 2}) == ["a", "b"]
    assert list_changed_keys(None, {"b": 2}) == ["b"]
    assert list_changed_keys(None, "text") == ["change"]
    assert list_changed_keys(None, None) == []


def test_values_are_read_as_people_write_them():
    assert write_value("a: b") == "a: b"
    assert write_value(None) == ""
    assert write_value({"ä": True}) == '{\n  "ä": true\n}'
