"""The responses that results and exceptions of calls become."""

import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
from racetrack_job_wrapper.auth.auth import UnauthorizedError
from racetrack_job_wrapper.log.errors import AlreadyExists, EntityNotFound

PERFORM = "/api/v1/perform"


class Raiser:
    def __init__(self, error: BaseException) -> None:
        self.error = error

    def perform(self) -> None:
        raise self.error


class Returner:
    def __init__(self, value: object) -> None:
        self.value = value

    def perform(self) -> object:
        return self.value


@pytest.mark.parametrize(
    ("error", "status", "body"),
    [
        (ValueError("too big"), 400, {"error": "too big", "type": "ValueError"}),
        (KeyError("k"), 500, {"error": "'k'", "type": "KeyError"}),
        (EntityNotFound("gone"), 404, {"error": "gone", "type": "EntityNotFound"}),
        (AlreadyExists("twice"), 409, {"error": "twice", "type": "AlreadyExists"}),
        (UnauthorizedError("who", "you"), 401, {"error": "who: you", "type": "UnauthorizedError"}),
    ],
)
def test_an_error_of_a_call_becomes_its_status(serve_job, error, status, body):
    response = serve_job(Raiser(error)).post(PERFORM)

    assert (response.status_code, response.json()) == (status, body)


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt(), GeneratorExit()])
def test_a_call_never_ends_the_server(serve_job, error):
    client = serve_job(Raiser(error))

    assert client.post(PERFORM).status_code == 500
    assert client.post(PERFORM).json()["type"] in ("CallAborted", "GeneratorExit")
    assert client.get("/live").status_code == 200


def test_an_async_call_never_ends_the_server(serve_job):
    class Exiting:
        async def perform(self) -> None:
            sys.exit(1)

    client = serve_job(Exiting())

    assert client.post(PERFORM).status_code == 500
    assert client.get("/live").status_code == 200


def test_wrong_arguments_are_the_callers_fault_but_a_type_error_inside_is_the_jobs(serve_job):
    class Job:
        def perform(self, number: int) -> int:
            return number + "1"

    client = serve_job(Job())

    missing = client.post(PERFORM, json={})
    assert missing.status_code == 400
    assert missing.json()["type"] == "ValueError"
    assert "missing 1 required positional argument: 'number'" in missing.json()["error"]
    assert client.post(PERFORM, json={"number": 1, "more": 2}).status_code == 400
    assert client.post(PERFORM, json={"number": 1}).status_code == 500


def test_an_http_exception_chooses_status_detail_and_headers(serve_job):
    class HTTPException(Exception):
        status_code = 418
        detail = "teapot"
        headers = {"x-tea": "green"}

    response = serve_job(Raiser(HTTPException())).post(PERFORM)

    assert (response.status_code, response.json()) == (418, {"detail": "teapot"})
    assert response.headers["x-tea"] == "green"


@dataclass
class Point:
    x: int
    day: date


class Array:
    """Stands for numpy's arrays, which the wrapper does not import."""

    def tolist(self) -> list[float]:
        return [1.0, float("nan")]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        ("zażółć", '"zażółć"'),
        ({1: (2, 3), None: {4}}, '{"1":[2,3],"None":[4]}'),
        (Point(1, date(2026, 1, 2)), '{"x":1,"day":"2026-01-02"}'),
        ({"deep": [Array()]}, '{"deep":[[1.0,null]]}'),
        (Path("a/b"), '"a/b"'),
        (b"text", '"text"'),
        (float("inf"), "null"),
    ],
)
def test_what_a_job_returns_becomes_json(serve_job, value, text):
    response = serve_job(Returner(value)).post(PERFORM)

    assert (response.status_code, response.text) == (200, text)


def test_a_generator_is_collected_with_the_request_at_hand(serve_job):
    class Job:
        def perform(self) -> object:
            return (self.request_context.get().headers["X-Who"] for _ in range(2))

    assert serve_job(Job()).post(PERFORM, headers={"x-who": "me"}).json() == ["me", "me"]


def test_an_answer_that_is_not_json_names_its_type(serve_job):
    response = serve_job(Returner(object())).post(PERFORM)

    assert response.status_code == 500
    assert "Unable to serialize unknown type: <class 'object'>" in response.json()["error"]


def test_an_answer_that_is_not_json_names_the_place(serve_job):
    response = serve_job(Returner({"rows": [Point(1, object())]})).post(PERFORM)

    assert (response.status_code, response.json()["type"]) == (500, "NotSerializable")
    assert response.json()["error"].startswith('result["rows"][0].day: Unable to serialize')


@pytest.mark.parametrize("value", [{"text": "cut \ud83d"}, {"na\udce9me": 1}])
def test_text_with_a_lone_surrogate_is_answered(serve_job, value):
    response = serve_job(Returner(value)).post(PERFORM)

    assert (response.status_code, response.json()) == (200, value)


@pytest.mark.parametrize("value", [[10**5000], b"\xff", {1: 1, "1": float("nan")}])
def test_a_value_that_json_cannot_hold_is_not_blamed_on_the_caller(serve_job, value):
    assert serve_job(Returner(value)).post(PERFORM).status_code == 500
