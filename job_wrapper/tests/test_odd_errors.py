"""Exceptions that can't be described are answered like all others, and lose neither a call nor a worker."""

import logging

import pytest
from fastapi.responses import JSONResponse
from racetrack_job_wrapper.endpoint_config import EndpointConfig

PERFORM = "/api/v1/perform"


class SlipError(Exception):
    """An exception whose text is no text."""

    def __str__(self):
        return {"limit": 3}  # noqa: PLE0307


class OddGroup(Exception):
    """An exception with an attribute that only looks like that of a group."""

    exceptions = None


class HalfHttp(Exception):
    """An exception that is only half of an HTTP error."""

    status_code = None
    detail = "no status"


class Unreadable(Exception):
    """An exception that raises whatever it is asked for."""

    def __getattribute__(self, name):
        raise KeyError(name)


class OddHeaders(Exception):
    """An HTTP error with headers that can't be sent."""

    status_code = 418
    detail = "tea"
    headers = {"x-city": "Łódź"}


def a_circle():
    first, second = RuntimeError("first"), RuntimeError("second")
    first.__cause__, second.__cause__ = second, first
    return first


def a_group_in_itself():
    error = OddGroup("round")
    error.exceptions = [error, error]
    return error


ODD = [
    (SlipError, 500, "SlipError"),
    (lambda: OddGroup("odd"), 500, "OddGroup"),
    (lambda: HalfHttp("half"), 500, "HalfHttp"),
    (Unreadable, 500, "Unreadable"),
    (OddHeaders, 500, "UnicodeEncodeError"),
    (a_circle, 500, "RuntimeError"),
    (a_group_in_itself, 500, "OddGroup"),
]


@pytest.mark.parametrize(("make", "status", "kind"), ODD)
def test_an_odd_error_is_answered_on_every_way(serve_job, make, status, kind):
    class Job:
        def perform(self):
            raise make()

        async def later(self):
            raise make()

        def item(self):
            raise make()

        def auxiliary_endpoints(self):
            return {"/later": self.later, "/fine": lambda: "fine"}

        def auxiliary_endpoints_v2(self):
            return [EndpointConfig("/item", "GET", self.item)]

    client = serve_job(Job, max_concurrency=1)

    answers = [client.post(PERFORM), client.post("/api/v1/later"), client.get("/api/v1/item")]

    assert [(each.status_code, each.json()["type"]) for each in answers] == [(status, kind)] * 3
    assert client.post("/api/v1/fine").json() == "fine"
    metrics = client.get("/metrics").text
    assert "requests_started_total 4.0" in metrics
    assert "requests_done_total 4.0" in metrics
    for endpoint in ("/perform", "/later", "/item"):
        assert f'request_internal_errors_total{{endpoint="{endpoint}"}} 1.0' in metrics


@pytest.mark.parametrize("make", [SlipError, lambda: OddGroup("odd"), Unreadable, a_circle])
@pytest.mark.parametrize("where", ["__init__", "docs_input_example"])
def test_a_job_that_fails_to_load_oddly_tells_it(serve_job, make, where):
    def fail(_):
        raise make()

    job = type("Job", (), {"perform": lambda _: 1, where: fail})

    live = serve_job(job).get("/live")

    assert live.status_code == 500
    assert live.json()["error"]


def test_a_log_filter_of_the_job_that_raises_costs_no_call(serve_job):
    class Broken(logging.Filter):
        def filter(self, record):
            raise LookupError("broken filter")

    broken = Broken()
    logger = logging.getLogger("racetrack.job")
    logger.addFilter(broken)
    try:
        client = serve_job(type("Job", (), {"perform": lambda _: 1 // 0}), max_concurrency=1)
        answers = [client.post(PERFORM) for _ in range(2)]
    finally:
        logger.removeFilter(broken)

    assert [each.status_code for each in answers] == [500, 500]
    assert answers[1].json()["type"] == "ZeroDivisionError"


def test_what_fails_after_the_method_returned_is_no_fault_of_the_caller(serve_job):
    class Result:
        def __to_json__(self):
            raise ValueError("no JSON for this")

    class Job:
        def perform(self):
            return Result()

        def check(self):
            yield from ()
            raise ValueError("wrong argument")

        def number(self):
            return float("nan")

        def auxiliary_endpoints(self):
            return {"/check": self.check}

        def auxiliary_endpoints_v2(self):
            return [EndpointConfig("/number", "GET", self.number, {"response_class": JSONResponse})]

    client = serve_job(Job)

    refused = client.post(PERFORM)
    assert (refused.status_code, refused.json()["type"]) == (500, "NotSerializable")
    assert "ValueError: no JSON for this" in refused.json()["error"]
    assert client.post("/api/v1/check").status_code == 400
    assert client.get("/api/v1/number").status_code == 500


def test_a_route_of_the_wrapper_that_fails_answers_in_json(serve_job, tmp_path):
    class Job:
        def static_endpoints(self):
            return {"/about": str(tmp_path / "about.txt")}

    (tmp_path / "about.txt").touch()
    client = serve_job(Job)
    (tmp_path / "about.txt").unlink()

    answer = client.get("/api/v1/about")

    assert (answer.status_code, answer.json()["type"]) == (500, "FileNotFoundError")
    assert "commons_internal_server_errors_total 1.0" in client.get("/metrics").text


def test_an_odd_type_hint_does_not_cost_the_documentation(serve_job):
    class Job:
        def perform(self, x: int = 1):
            return x

    class Hinted:
        __name__ = property(lambda _: 1 // 0)

    Job.perform.__annotations__["x"] = Hinted()
    client = serve_job(Job)

    assert [client.get(path).status_code for path in ("/api/v1/parameters", "/openapi.json")] == [
        200,
        200,
    ]
