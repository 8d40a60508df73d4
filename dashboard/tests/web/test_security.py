from collections.abc import Iterator

import httpx
import pytest
import websockets.sync.client as websocket_client
from dashboard.client.changes import make_websocket_url
from dashboard.web.security import SameOriginOnly
from dashboard.web.session import resolve_page
from racetrack_commons.testing.serving import api_client
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.exceptions import InvalidStatus


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    async def answer(_) -> PlainTextResponse:
        return PlainTextResponse("done")

    async def greet(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text("hello")
        await socket.close()

    routes = [Route("/", answer, methods=["GET", "POST"]), WebSocketRoute("/socket", greet)]
    with api_client(SameOriginOnly(Starlette(routes=routes))) as client:
        yield client


FOREIGN = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "null"},
]


@pytest.fixture(scope="module")
def own(client) -> list[dict[str, str]]:
    origin = str(client.base_url).rstrip("/")
    return [{}, {"Sec-Fetch-Site": "same-origin", "Origin": origin}, {"Origin": origin}]


def open_socket(client: httpx.Client, headers: dict[str, str]) -> str:
    url = make_websocket_url(str(client.base_url.join("/socket")))
    with websocket_client.connect(url, additional_headers=headers, proxy=None) as socket:
        return str(socket.recv())


@pytest.mark.parametrize("headers", FOREIGN)
def test_pages_of_other_origins_can_not_act(client, headers):
    assert client.post("/", headers=headers).status_code == 403
    with pytest.raises(InvalidStatus, match="403"):
        open_socket(client, headers)


def test_own_pages_and_programs_act(client, own):
    for headers in own:
        assert client.post("/", headers=headers).text == "done"
        assert open_socket(client, headers) == "hello"


def test_every_page_is_kept_from_frames_and_from_other_hosts(client, own):
    for headers in [*FOREIGN, *own]:
        answer = client.get("/", headers=headers)
        assert answer.status_code == 200
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "http" not in policy
        assert answer.headers["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize("link", ["/jobs/adder?tab=logs", "/", "/jobs?search=a%20b"])
def test_a_log_in_leads_to_a_page_of_the_dashboard(link):
    assert resolve_page(link) == link


@pytest.mark.parametrize(
    "link",
    ["//other.example", "/\\other.example", "http://other.example", "javascript:1", "", "/a\nb"],
)
def test_a_log_in_leads_nowhere_else(link):
    assert resolve_page(link) == "/"
