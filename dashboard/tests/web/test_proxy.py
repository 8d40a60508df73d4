import httpx
import pytest
import websockets.sync.client as websocket_client
from dashboard.client.changes import make_websocket_url
from dashboard.web.proxy import LifecycleProxy
from pydantic import SecretStr
from racetrack_commons.testing.serving import free_port
from starlette.responses import JSONResponse


@pytest.fixture
def client(open_routes, upstream):
    return open_routes(
        lambda http: LifecycleProxy(http, upstream.url, SecretStr("the-key")).router()
    )


def test_a_request_reaches_lifecycle_as_it_was_sent(client, upstream):
    upstream.answer = JSONResponse({"error": "taken"}, 409, {"X-Own": "kept"})
    headers = {
        "X-Racetrack-Auth": "the-token",
        "Cookie": "racetrack_dashboard=the-session",
        "Connection": "x-hop",
        "X-Hop": "1",
        "X-Racetrack-Forwarding-Key": "a guess",
        "TE": "trailers",
    }

    answer = client.put(
        "/dashboard/api/v1/job/a%2Fb/1.0.0?x=%20y&x=2", content=b"body", headers=headers
    )

    assert (answer.status_code, answer.json(), answer.headers["x-own"]) == (
        409,
        {"error": "taken"},
        "kept",
    )
    [(method, path, sent, body)] = upstream.requests
    assert (method, path) == ("PUT", "/lifecycle/api/v1/job/a%2Fb/1.0.0?x=%20y&x=2")
    assert (sent["x-racetrack-auth"], body) == ("the-token", b"body")
    assert sent.keys().isdisjoint({"cookie", "x-hop", "te"})
    assert sent["x-forwarded-for"] == "127.0.0.1"
    assert sent["x-racetrack-forwarding-key"] == "the-key"


def test_a_session_of_a_cookie_is_no_credential_of_the_proxy(client, upstream):
    client.get("/dashboard/api/v1/job", headers={"Cookie": "racetrack_dashboard=the-session"})
    [(_, _, sent, _)] = upstream.requests
    assert "x-racetrack-auth" not in sent


def test_an_answer_streams(client):
    with client.stream("GET", "/dashboard/api/v1/stream") as answer:
        assert answer.headers["x-own"] == "1"
        assert "timeout=9" not in answer.headers.get("keep-alive", "")
        chunks = answer.iter_raw()
        assert next(chunks) == b"first"
        client.post("/dashboard/api/v1/release")
        assert b"".join(chunks) == b"second"


def test_a_websocket_passes_both_ways(client):
    url = make_websocket_url(f"{client.base_url}/dashboard/api/v1/echo?a=1")
    headers = {"X-Racetrack-Auth": "the-token"}
    with websocket_client.connect(url, additional_headers=headers, proxy=None) as socket:
        assert socket.recv() == "the-token a=1"
        socket.send(b"\x00\x01")
        assert socket.recv() == b"\x00\x01"


def test_lifecycle_that_is_away_is_said(open_routes):
    away = f"http://127.0.0.1:{free_port()}/lifecycle"
    client: httpx.Client = open_routes(lambda http: LifecycleProxy(http, away).router())

    answer = client.get("/dashboard/api/v1/job")

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert "does not answer" in answer.json()["error"]
