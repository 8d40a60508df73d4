import asyncio
import contextlib
import threading

import pytest
from lifecycle.event_stream.followed_logs import (
    EarlierLines,
    FollowedJobLog,
    WaitingLines,
    stream_lines,
)
from lifecycle.testing.fakes import FakeStreamer
from racetrack_client.log.errors import EntityNotFound, ServiceUnavailable
from racetrack_commons.testing.builders import a_job
from racetrack_commons.testing.serving import wait_until


async def take(events, count):
    return [await anext(events) for _ in range(count)]


def test_each_line_is_one_event_however_it_looks():
    streamer = FakeStreamer(["plain", 'with "quotes"\nand a break'])

    async def follow():
        events = stream_lines(FollowedJobLog(a_job(), streamer, EarlierLines("5")))
        taken = await take(events, 2)
        await events.aclose()
        return taken

    assert asyncio.run(follow()) == [
        'data: "plain"\n\n',
        'data: "with \\"quotes\\"\\nand a break"\n\n',
    ]


def test_the_session_ends_when_the_reader_leaves():
    streamer = FakeStreamer(["one"])

    async def follow():
        events = stream_lines(FollowedJobLog(a_job(), streamer, EarlierLines("5")))
        await take(events, 1)
        (properties,) = streamer.sessions.values()
        await events.aclose()
        return properties

    assert asyncio.run(follow()) == {"job_name": "adder", "job_version": "0.0.1", "tail": "5"}
    assert streamer.sessions == {}


def test_a_session_that_opens_after_its_reader_left_is_closed():
    streamer, may_open = FakeStreamer(["one"]), threading.Event()
    create_session = streamer.create_session

    def create_slowly(*arguments):
        may_open.wait(10)
        create_session(*arguments)

    streamer.create_session = create_slowly

    async def follow():
        events = stream_lines(FollowedJobLog(a_job(), streamer))
        reading = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0)
        reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reading
        may_open.set()
        await asyncio.to_thread(wait_until, lambda: not streamer.sessions and streamer.closed)

    asyncio.run(follow())


def test_a_session_that_could_not_be_opened_is_not_closed():
    streamer = FakeStreamer()

    def fail(*_):
        raise RuntimeError("no engine")

    streamer.create_session = fail

    async def follow():
        await take(stream_lines(FollowedJobLog(a_job(), streamer)), 1)

    with pytest.raises(RuntimeError, match="no engine"):
        asyncio.run(follow())
    assert streamer.closed == []


@pytest.fixture
def _quiet_at_once(monkeypatch):
    monkeypatch.setattr("lifecycle.event_stream.followed_logs.KEEP_ALIVE_SECONDS", 0.05)


@pytest.mark.usefixtures("_quiet_at_once")
def test_a_log_goes_on_where_its_job_moved_to():
    before, after = FakeStreamer(["before"]), FakeStreamer(["after"])
    moved = FollowedJobLog(a_job(), after)

    async def follow():
        events = stream_lines(FollowedJobLog(a_job(), before, look_again=lambda: moved))
        taken = await take(events, 3)
        await events.aclose()
        return taken

    assert asyncio.run(follow()) == ['data: "before"\n\n', ": alive\n\n", 'data: "after"\n\n']
    assert (before.sessions, after.sessions) == ({}, {})


@pytest.mark.usefixtures("_quiet_at_once")
def test_a_stream_goes_on_without_the_database_and_ends_with_the_job():
    answers = [ServiceUnavailable("no database"), None, EntityNotFound("no job")]

    def look_again():
        answer = answers.pop(0)
        if answer:
            raise answer

    async def follow():
        log = FollowedJobLog(a_job(), FakeStreamer(), look_again=look_again)
        return [event async for event in stream_lines(log)]

    assert asyncio.run(follow()) == [": alive\n\n"] * 3


def test_a_slow_reader_is_told_of_the_lines_that_are_left_out():
    async def follow():
        lines = WaitingLines()
        for number in range(12_000):
            lines.put(f"line {number}")
        taken = [await lines.get() for _ in range(2)]
        for letter in "abcdefghijkl":
            lines.put(letter * 1_000_000)
        return taken + [(await lines.get())[:40] for _ in range(2)]

    told, first, told_again, large = asyncio.run(follow())
    assert told.startswith("… 2000 lines are left out here")
    assert first == "line 2000"
    assert told_again.startswith("… 10003 lines are left out here")
    assert large == "e" * 40
