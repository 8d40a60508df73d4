import asyncio
import threading

from racetrack_commons.api.asgi_layers import BoundedApp, LazyApp
from racetrack_commons.testing.serving import ask_status
from starlette.responses import Response


def test_a_bounded_app_refuses_what_is_too_much():
    assert asyncio.run(crowd()) == [200, 503, 403, 200]


async def crowd():
    may_answer = asyncio.Event()

    async def wait(scope, receive, send):
        await may_answer.wait()
        await Response("done")(scope, receive, send)

    app = BoundedApp(wait, most=1)
    first = asyncio.create_task(ask_status(app, "GET", "/", {}))
    await asyncio.sleep(0)
    refused = [await ask_status(app, method, "/", {}) for method in ("GET", "WS")]
    may_answer.set()
    return [await first, *refused, await ask_status(app, "GET", "/", {})]


def test_an_app_is_made_once_and_only_when_it_is_needed():
    made, served = [], []

    async def inner(scope, receive, send):
        served.append(scope)

    def make():
        made.append(threading.current_thread())
        return inner

    app = LazyApp(make)
    assert made == []

    async def connect():
        await asyncio.gather(*[app({"path": "/", "router": 1}, None, None) for _ in range(3)])

    asyncio.run(connect())

    assert len(made) == 1
    assert made[0] is not threading.main_thread()
    assert served == [{"path": "/"}] * 3
