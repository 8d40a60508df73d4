import pytest
from dashboard.components.server_table import ListQuery
from starlette.datastructures import QueryParams


@pytest.mark.parametrize(
    "url",
    [
        {},
        {"search": "a b", "sort": "-name", "page": "3", "size": "100", "status": "error"},
        {"status": "lost"},
    ],
)
def test_the_state_of_a_table_survives_its_url(url):
    assert ListQuery.read(QueryParams(url), ["status", "owner"]).to_url() == url


@pytest.mark.parametrize("page", ["0", "-1", "x", "", "99999999999", "²"])
def test_a_wrong_page_is_the_first_one(page):
    assert ListQuery.read(QueryParams({"page": page}), []).page == 1


def test_a_size_that_is_not_offered_is_the_usual_one():
    assert ListQuery.read(QueryParams({"size": "100000"}), []).size == 50


def test_lifecycle_is_asked_for_the_rows_of_the_page():
    query = ListQuery(search="adder", sort="-name", page=3, size=25, filters={"status": "error"})
    assert query.to_params() == {
        "limit": 25,
        "offset": 50,
        "search": "adder",
        "sort": "-name",
        "status": "error",
    }
