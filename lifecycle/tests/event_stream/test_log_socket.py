import asyncio
from contextlib import asynccontextmanager

import pytest
import socketio
from lifecycle.app import create_app
from lifecycle.config import Config
from lifecycle.infrastructure.model import InfrastructureTarget
from lifecycle.testing.fakes import FakeStreamer
from racetrack_client.log.errors import EntityNotFound
from racetrack_commons.testing.builders import a_job
from racetrack_commons.testing.serving import running_server, wait_until

PROPERTIES = {"job_name": "adder", "job_version": "latest", "tail": "20"}


@pytest.fixture
def streamer():
    return FakeStreamer(["one", "two"])


@pytest.fixture
def app(config, streamer):
    """Accepts readers without a token, as the published client is one."""
    config.allow_anonymous_log_following = True
    app = create_app(config)
    services = app.state.services
    target = InfrastructureTarget(name="process", logs_streamer=streamer)
    services.infrastructure._built_in["process"] = target
    with services.unit_of_work() as uow:
        uow.jobs.save(a_job())
    return app


@asynccontextmanager
async def connected(url, transports=("polling", "websocket"), **options):
    """A client that gathers lines in a queue, as the published one prints them."""
    client = socketio.AsyncClient(reconnection=False)
    client.lines = asyncio.Queue()

    async def take(data):
        await client.lines.put(data["line"])
        return True

    client.on("logs_nextline", take)
    await client.connect(
        url,
        socketio_path="lifecycle/socket.io",
        transports=list(transports),
        wait_timeout=20,
        **options,
    )
    try:
        yield client
    finally:
        # The library would wait for the end of the poll that is open: up to 25 s.
        await client.eio.disconnect(abort=client.transport() == "polling")


@pytest.fixture
def url(app):
    with running_server(app) as url:
        yield url


def subscribe(url, properties, **options):
    """Subscribe; return the answer, the first two lines (or the one that refuses), and the transport."""

    async def run():
        async with asyncio.timeout(20), connected(url, **options) as client:
            session_id = await client.call(
                "subscribe_for_logs", {"resource_properties": properties}
            )
            lines = [await client.lines.get() for _ in range(2 if session_id else 1)]
            return session_id, lines, client.transport()

    return asyncio.run(run())


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_a_reader_without_a_token_follows_a_log(url, transport):
    session_id, lines, used = subscribe(url, PROPERTIES, transports=[transport])

    assert lines == ["one", "two"]
    assert session_id.endswith("_adder_0.0.1")
    assert used == transport


def test_a_reader_is_upgraded_to_a_websocket(url):
    assert subscribe(url, PROPERTIES)[2] == "websocket"


def test_the_target_is_told_the_exact_version_and_the_tail(url, streamer):
    async def run():
        async with asyncio.timeout(20), connected(url) as client:
            answer = {"resource_properties": PROPERTIES}
            first = await client.call("subscribe_for_logs", answer)
            second = await client.call("subscribe_for_logs", answer)
            await client.lines.get()
            return first, second, dict(streamer.sessions)

    first, second, sessions = asyncio.run(run())

    assert first == second
    assert sessions == {first: {"job_name": "adder", "job_version": "0.0.1", "tail": "20"}}
    wait_until(lambda: not streamer.sessions)


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({"job_name": "nothing", "job_version": "1"}, "there is no job nothing 1"),
        ({}, "name the job"),
        (None, "name the job"),
        (PROPERTIES | {"tail": "many"}, "tail must be a number"),
    ],
)
def test_a_reader_is_told_why_it_is_refused(url, properties, message):
    session_id, (line,), _ = subscribe(url, properties)

    assert session_id is None
    assert line.startswith("Error: ")
    assert message in line


def test_a_token_that_is_shown_must_be_valid_and_permit_reading(url, admin):
    assert subscribe(url, PROPERTIES, headers=admin)[1] == ["one", "two"]
    shown = {"token": admin["X-Racetrack-Auth"]}
    assert subscribe(url, PROPERTIES, auth=shown)[1] == ["one", "two"]
    assert "Error" in subscribe(url, PROPERTIES, auth={"token": "nonsense"})[1][0]


def test_a_reader_without_a_token_is_told_what_to_do(app, url):
    object.__setattr__(app.state.services.logs, "allow_anonymous", False)

    (line,) = subscribe(url, PROPERTIES)[1]
    assert "needs a token" in line
    assert "ALLOW_ANONYMOUS_LOG_FOLLOWING" in line


def test_a_token_is_demanded_unless_the_settings_say_otherwise():
    assert Config().allow_anonymous_log_following is False


def test_a_streamer_that_fails_ends_the_following(url, streamer):
    def fail(*_):
        raise RuntimeError("secret inside")

    streamer.create_session = fail

    async def run():
        async with asyncio.timeout(20), connected(url) as client:
            await client.call("subscribe_for_logs", {"resource_properties": PROPERTIES})
            line = await client.lines.get()
            await client.wait()
            return line

    line = asyncio.run(run())
    assert "internal error" in line
    assert "secret" not in line


def test_a_job_that_moves_is_found_again_and_one_that_goes_is_missed(app):
    services = app.state.services
    other = FakeStreamer(["three"])
    services.infrastructure._built_in["other"] = InfrastructureTarget(
        name="other", logs_streamer=other
    )
    log = services.logs.open_requested(PROPERTIES, None)
    assert log.look_again() is None

    with services.unit_of_work() as uow:
        uow.jobs.save(log.job.model_copy(update={"infrastructure_target": "other"}))
    moved = log.look_again()
    assert (moved.streamer, moved.earlier.tail) == (other, "20")

    with services.unit_of_work() as uow:
        uow.jobs.remove(log.job.name, log.job.version)
    with pytest.raises(EntityNotFound):
        moved.look_again()
