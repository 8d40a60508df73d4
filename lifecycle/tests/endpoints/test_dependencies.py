"""Transactions of requests last no longer than their endpoints."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from fastapi.routing import iter_route_contexts
from lifecycle.app import create_app
from lifecycle.endpoints.dependencies import CommittingRoute, open_reading, open_unit_of_work
from racetrack_commons.testing.serving import running_server

CROWD = 100
UNITS_OF_WORK = (open_reading, open_unit_of_work)


def test_more_requests_than_threads_may_write_at_the_same_moment(config, admin):
    with running_server(create_app(config)) as url, ThreadPoolExecutor(CROWD) as pool:

        def add(number: int) -> int:
            esc = {"name": f"esc {number}"}
            return httpx.post(
                f"{url}/lifecycle/api/v1/escs", json=esc, headers=admin, timeout=60
            ).status_code

        assert set(pool.map(add, range(CROWD))) == {200}


@pytest.mark.postgres
def test_more_lists_than_connections_are_read_at_the_same_moment(postgres_config, admin):
    config = postgres_config.model_copy(
        update={"database_connection_pool": 3, "http_worker_thread_pool": 6}
    )
    with running_server(create_app(config)) as url, ThreadPoolExecutor(CROWD) as pool:

        def read(_: int) -> int:
            return httpx.get(f"{url}/lifecycle/api/v1/job", headers=admin, timeout=60).status_code

        assert set(pool.map(read, range(40))) == {200}


def test_each_route_that_gets_a_unit_of_work_ends_it(config):
    working = [
        context.original_route
        for context in iter_route_contexts(create_app(config).routes)
        if any(each.call in UNITS_OF_WORK for each in _dependencies(context.original_route))
    ]

    assert len(working) > 40
    assert [route.path for route in working if not isinstance(route, CommittingRoute)] == []


def _dependencies(route):
    """Return the dependencies of a route, and theirs."""
    waiting = [route.dependant] if hasattr(route, "dependant") else []
    while waiting:
        one = waiting.pop()
        yield one
        waiting += one.dependencies
