"""The callers that an instance with a secret serves, and its proof that it knows the secret."""

import hashlib
import hmac
import os

import pytest
from racetrack_job_wrapper.callers import SECRET_HEADER
from racetrack_job_wrapper.environment import read_environment
from racetrack_job_wrapper.request import request_context
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

PERFORM = "/api/v1/perform"
SECRET = "shared with the platform"
KNOWN = {SECRET_HEADER: SECRET}


class Nosy:
    def perform(self) -> list[str]:
        return [*request_context.get().headers, *os.environ]

    def webview_app(self, base_url):
        async def app(scope, receive, send):
            if scope["type"] == "websocket":
                await receive()
                await send({"type": "websocket.accept"})
                await send({"type": "websocket.close", "code": 1000})
                return
            names = b" ".join(name for name, _ in scope["headers"])
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": names})

        return app


@pytest.fixture
def client(serve_job):
    return serve_job(Nosy(), secret=SECRET)


@pytest.mark.parametrize("headers", [{}, {SECRET_HEADER: "guessed"}, {SECRET_HEADER: "gu\xe9ss"}])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", PERFORM),
        ("POST", f"/pub/job/adder/latest{PERFORM}"),
        ("GET", "/"),
        ("GET", "/docs"),
        ("GET", "/openapi.json"),
        ("GET", "/api/v1/examples"),
        ("GET", "/api/v1/webview/"),
        ("POST", "/live"),
    ],
)
def test_a_caller_without_the_secret_is_refused(client, headers, method, path):
    encoded = {name: value.encode("latin-1") for name, value in headers.items()}
    answer = client.request(method, path, headers=encoded)
    assert answer.status_code == 401
    assert answer.json()["type"] == "UnknownCaller"
    assert "call /pub/job/adder/1.2.3 of PUB, with a token" in answer.json()["error"]
    assert answer.headers["x-racetrack-job"] == "adder 1.2.3"
    assert SECRET not in answer.text


@pytest.mark.parametrize("path", ["/live", "/ready", "/health", "/metrics", "/metrics/"])
def test_probes_and_prometheus_need_no_secret(client, path):
    assert client.get(path).status_code == 200


def test_a_caller_with_the_secret_is_served_and_the_job_never_sees_it(client):
    seen = client.post(PERFORM, headers=KNOWN, json={})
    assert seen.status_code == 200
    assert SECRET_HEADER not in seen.json()
    assert SECRET_HEADER.encode() not in client.get("/api/v1/webview/", headers=KNOWN).content


def test_websockets_need_the_secret_too(client):
    url = f"ws://{client.base_url.host}:{client.base_url.port}/api/v1/webview/socket"
    with pytest.raises(InvalidStatus) as refused:
        connect(url, proxy=None)
    assert refused.value.response.status_code == 401
    with connect(url, proxy=None, additional_headers=KNOWN):
        pass


def test_an_instance_proves_at_live_that_it_knows_the_secret_at_this_port(client):
    answer = client.get("/live", headers={"X-Racetrack-Challenge": "random"})

    message = f"random {client.base_url.port}".encode()
    expected = hmac.new(SECRET.encode(), message, hashlib.sha256).hexdigest()
    assert answer.headers["x-racetrack-proof"] == expected
    assert "x-racetrack-proof" not in client.get("/live").headers
    elsewhere = client.get("/ready", headers={"X-Racetrack-Challenge": "random"})
    assert "x-racetrack-proof" not in elsewhere.headers


def test_a_job_that_could_not_be_loaded_proves_itself_too(serve_job):
    class Broken:
        def __init__(self):
            raise RuntimeError("no model")

    answer = serve_job(Broken, secret=SECRET).get("/live", headers={"X-Racetrack-Challenge": "x"})
    assert (answer.status_code, "x-racetrack-proof" in answer.headers) == (500, True)


def test_without_a_secret_every_caller_is_served_and_nothing_is_proven(serve_job):
    client = serve_job(Nosy())
    assert client.post(PERFORM, json={}, headers=KNOWN).status_code == 200
    answer = client.get("/live", headers={"X-Racetrack-Challenge": "random"})
    assert "x-racetrack-proof" not in answer.headers


def test_the_secret_is_not_shown_with_the_environment_of_a_job():
    environment = read_environment({"RACETRACK_INSTANCE_SECRET": SECRET}, None)
    assert environment.secret == SECRET
    assert SECRET not in repr(environment)
