"""Endpoints of `auxiliary_endpoints_v2`."""

import datetime
import logging
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pydantic
import pytest
from fastapi import Body, HTTPException, Query
from fastapi.responses import PlainTextResponse
from racetrack_job_wrapper.endpoint_config import EndpointConfig


class Shop:
    """A job with endpoints of every kind."""

    def __init__(self):
        self.entered = threading.Event()
        self.leave = threading.Event()

    def perform(self):
        return "performed"

    def auxiliary_endpoints_v2(self):
        return [
            EndpointConfig("/items/{number}", "GET", self.show),
            EndpointConfig("/items", "POST", self.add, {"status_code": 201, "tags": ["shop"]}),
            EndpointConfig("/perform", "get", self.explain),
            EndpointConfig("later", "GET", self.later),
            EndpointConfig("/fail", "GET", self.fail),
            EndpointConfig("/wait", "GET", self.wait),
            EndpointConfig("/items", "DELETE", self.fail),
        ]

    def show(self, number: int, size: str = Query("small")):
        """Show an item."""
        caller = self.request_context.get().header("x-caller-name")
        return {"number": number, "size": size, "caller": caller}

    def add(self, name: str = Body(embed=True)):
        return name.upper()

    def explain(self):
        return PlainTextResponse("POST here")

    async def later(self):
        return "later"

    def fail(self, how: str):
        errors = {"value": ValueError("bad"), "http": HTTPException(418, "tea")}
        raise errors.get(how) or SystemExit(3)

    def wait(self):
        self.entered.set()
        self.leave.wait(10)
        return "waited"


def test_hints_say_where_arguments_come_from(serve_job):
    client = serve_job(Shop)

    shown = client.get(
        "/pub/job/adder/latest/api/v1/items/7?size=big", headers={"X-Caller-Name": "ann"}
    )
    added = client.post("/api/v1/items", json={"name": "hat"})

    assert shown.json() == {"number": 7, "size": "big", "caller": "ann"}
    assert (added.status_code, added.json()) == (201, "HAT")
    assert client.get("/api/v1/later").json() == "later"
    assert client.get("/api/v1/later/").json() == "later"
    assert client.get("/api/v1/items/seven").status_code == 422


def test_a_path_of_the_wrapper_may_get_another_method(serve_job):
    client = serve_job(Shop)

    assert client.get("/api/v1/perform").text == "POST here"
    assert client.post("/api/v1/perform").json() == "performed"
    refused = client.put("/api/v1/perform")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, POST")
    assert client.get("/api/v1/items").headers["allow"] == "POST"
    assert client.get("/api/v1/nothing").status_code == 404


@pytest.mark.parametrize(
    ("how", "status", "body"),
    [
        ("value", 400, {"error": "bad", "type": "ValueError"}),
        ("http", 418, {"detail": "tea"}),
        (
            "exit",
            500,
            {"error": "the job called for an exit: SystemExit(3)", "type": "CallAborted"},
        ),
    ],
)
def test_errors_are_answered_as_those_of_other_calls(serve_job, how, status, body):
    answer = serve_job(Shop).get(f"/api/v1/fail?how={how}")

    assert (answer.status_code, answer.json()) == (status, body)


def test_calls_count_for_the_endpoint_they_were_made_to(serve_job):
    client = serve_job(Shop)
    client.get("/api/v1/items/1")
    client.get("/api/v1/items/2")
    client.get("/api/v1/fail?how=value")

    metrics = client.get("/metrics").text

    assert 'endpoint_requests_started_total{endpoint="/items/{number}"} 2.0' in metrics
    assert 'request_internal_errors_total{endpoint="/fail"} 1.0' in metrics


def test_the_limits_of_the_job_hold_for_them_too(serve_job):
    shop = Shop()
    client = serve_job(shop, max_concurrency=1, max_concurrency_queue=0)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.get, "/api/v1/wait")
        assert shop.entered.wait(10)
        refused = client.get("/api/v1/later")
        shop.leave.set()

    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert waiting.result().json() == "waited"


def test_they_are_documented_beside_the_others(serve_job):
    paths = serve_job(Shop).get("/openapi.json").json()["paths"]

    assert set(paths["/api/v1/perform"]) == {"get", "post"}
    assert paths["/api/v1/items"]["post"]["tags"] == ["API", "shop"]
    assert paths["/api/v1/items/{number}"]["get"]["description"] == "Show an item."


def test_another_method_is_left_out_with_a_word_in_the_log(serve_job, caplog):
    with caplog.at_level(logging.ERROR, logger="racetrack.job"):
        client = serve_job(Shop)

    assert client.delete("/api/v1/items").status_code == 405
    assert "endpoint /items is left out: its method must be GET or POST" in caplog.text


def test_an_endpoint_declared_twice_is_refused(serve_job):
    class Twice(Shop):
        def auxiliary_endpoints_v2(self):
            return [EndpointConfig("perform", "POST", self.add)]

    live = serve_job(Twice).get("/live")

    assert live.status_code == 500
    assert "POST perform is declared twice" in live.json()["error"]


def test_a_job_without_fastapi_is_told_what_to_do(serve_job, monkeypatch):
    monkeypatch.setitem(sys.modules, "fastapi", None)

    assert "add `fastapi` to the job's requirements" in serve_job(Shop).get("/live").json()["error"]


class Array:
    """Stands for numpy's arrays, which the wrapper does not import."""

    def tolist(self) -> list[float]:
        return [1.0, 2.0]


class House(pydantic.BaseModel):
    size: float = 1


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ({"a": [Array()], "r": range(2), "m": map(str, [1])}, {"a": [[1, 2]], "r": [0, 1], "m": ["1"]}),
        ([House(), {"h": House()}], [{"size": 1}, {"h": {"size": 1}}]),
        ({"t": datetime.date(2024, 5, 1), "n": None, "b": b"text"}, {"t": "2024-05-01", "n": None, "b": "text"}),
    ],
)  # fmt: skip
def test_arrays_and_iterables_are_answered_beside_what_fastapi_knows(serve_job, value, plain):
    class Job:
        def perform(self) -> None: ...

        def auxiliary_endpoints_v2(self) -> list[EndpointConfig]:
            return [EndpointConfig("/value", "GET", lambda: value)]

    assert serve_job(Job()).get("/api/v1/value").json() == plain
