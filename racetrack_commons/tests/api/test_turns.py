"""Turns of strangers, by themselves and at a server."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
from racetrack_commons.api.app import ApiOptions, create_api_app
from racetrack_commons.api.turns import StrangersTakeTurns, Turns
from racetrack_commons.testing.serving import running_server


async def wait_together(turns, *addresses):
    """Return the addresses of those who begin to wait at once, in the order of their turns."""
    begun = []

    async def wait(address):
        assert await turns.wait(address)
        begun.append(address)

    await asyncio.gather(*map(wait, addresses))
    return begun


def test_few_begin_at_once_and_many_one_after_the_other():
    async def ask():
        turns = Turns(per_second=25)
        begun_at = time.monotonic()
        await wait_together(turns, *["flood"] * 5)
        assert time.monotonic() - begun_at < 0.2
        await wait_together(turns, *["flood"] * 20)
        assert time.monotonic() - begun_at >= 0.7

    asyncio.run(ask())


def test_a_stranger_at_another_address_hardly_waits_for_a_flood():
    addresses = ["flood"] * 80, ["honest"] * 2
    begun = asyncio.run(wait_together(Turns(per_second=100), *addresses[0], *addresses[1]))
    assert begun.index("honest") >= 5
    assert begun[:20].count("honest") == 2


def test_only_some_wait():
    async def ask():
        turns = Turns(per_second=0.01, at_once=1, most_waiting=2)
        assert await turns.wait("a")
        waiting = [asyncio.create_task(turns.wait("a")) for _ in range(2)]
        await asyncio.sleep(0)
        assert not await turns.wait("a")
        for one in waiting:
            one.cancel()

    asyncio.run(ask())


def test_a_flood_keeps_no_other_address_out():
    async def ask():
        turns = Turns(per_second=0.01, at_once=1, most_waiting=3)
        assert await turns.wait("flood")
        flood = [asyncio.create_task(turns.wait("flood")) for _ in range(3)]
        await asyncio.sleep(0)
        honest = asyncio.create_task(turns.wait("honest"))
        assert not await flood[2]
        assert not await turns.wait("flood")
        assert not any(one.done() for one in (*flood[:2], honest))
        for one in (*flood, honest):
            one.cancel()

    asyncio.run(ask())


def test_callers_who_have_left_take_no_turn():
    async def ask():
        turns = Turns(per_second=5)
        waiting = [asyncio.create_task(turns.wait("flood")) for _ in range(300)]
        await asyncio.sleep(0)
        for one in waiting:
            one.cancel()
        begun_at = time.monotonic()
        await turns.wait("honest")
        assert time.monotonic() - begun_at < 2

    asyncio.run(ask())


def test_strangers_leave_time_to_known_callers_and_probes():
    app = create_api_app(
        title="Test",
        base_path="/test",
        options=ApiOptions(is_known=lambda headers: "x-known" in headers),
    )

    @app.get("/greeting")
    async def greet() -> str:
        return "hello"

    with (
        running_server(app) as url,
        ThreadPoolExecutor(30) as threads,
        httpx.Client(base_url=url, timeout=30, limits=httpx.Limits()) as client,
    ):
        begun_at = time.monotonic()
        strangers = [threads.submit(client.get, "/greeting") for _ in range(30)]
        known = [client.get("/test/greeting", headers={"x-known": "yes"}) for _ in range(30)]
        probes = [client.get(f"{base}/live") for base in ("", "/test") for _ in range(30)]
        assert {answer.status_code for answer in known + probes} == {200}
        assert {one.result().status_code for one in strangers} == {200}
        assert time.monotonic() - begun_at >= 1.5


def test_a_stranger_is_refused_while_too_many_wait():
    turns = Turns(per_second=1, at_once=1, most_waiting=0)

    answers = []

    async def show(scope, receive, send):
        answers.append("shown")

    async def send(message):
        answers.append(message.get("status") or message.get("code"))

    layer = StrangersTakeTurns(show, "/test", lambda _: False, turns)
    scope = {"type": "http", "path": "/a/live", "headers": [], "client": ("127.0.0.1", 1)}

    async def ask():
        await layer(scope, None, send)
        await layer({**scope, "type": "websocket"}, None, send)
        await layer({**scope, "path": "/test/live"}, None, send)
        await layer(scope, None, send)

    asyncio.run(ask())
    assert answers[:4] == ["shown", 1013, "shown", 429]
