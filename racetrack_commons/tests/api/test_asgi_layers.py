import asyncio
import threading

from racetrack_commons.api.asgi_layers import LazyApp


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
