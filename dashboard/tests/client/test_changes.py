import asyncio
import json

import pytest
import websockets
from dashboard.client.changes import ChangeStream, make_websocket_url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://a:7202/lifecycle/websocket", "ws://a:7202/lifecycle/websocket"),
        ("https://a/lifecycle", "wss://a/lifecycle"),
    ],
)
def test_a_websocket_is_as_safe_as_the_address_beside_it(url, expected):
    assert make_websocket_url(url) == expected


def test_listeners_hear_their_kinds_and_every_loss_and_return_of_the_connection():
    asyncio.run(asyncio.wait_for(_follow(), 20))


async def _follow() -> None:
    sockets: list[websockets.ServerConnection] = []
    opened = asyncio.Event()

    async def serve(socket: websockets.ServerConnection) -> None:
        sockets.append(socket)
        opened.set()
        await socket.wait_closed()

    heard: asyncio.Queue[frozenset[str]] = asyncio.Queue()
    async with websockets.serve(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        feed = ChangeStream(f"http://127.0.0.1:{port}/lifecycle")
        feed.subscribe({"job", "connection"}, heard.put_nowait)
        unsubscribe = feed.subscribe({"job"}, lambda _: pytest.fail("told after its end"))
        unsubscribe()
        feed.subscribe({"job"}, _fail)
        following = asyncio.create_task(feed.follow())
        assert await heard.get() == {"connection", "everything"}
        await opened.wait()
        await sockets[0].send(json.dumps({"kinds": ["plugin"]}))
        await sockets[0].send(json.dumps({"kinds": ["job", "audit"]}))
        assert await heard.get() == {"job", "audit"}
        assert feed.is_connected

        await sockets[0].close()
        assert await heard.get() == {"connection"}
        assert await heard.get() == {"connection", "everything"}
        following.cancel()


def _fail(_: frozenset[str]) -> None:
    raise ValueError("a page that is broken must not break the others")
