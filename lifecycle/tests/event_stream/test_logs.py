import asyncio

from lifecycle.event_stream.logs import FollowedLog, stream_lines
from lifecycle.testing.builders import a_job
from lifecycle.testing.infrastructure import FakeStreamer


async def take(events, count):
    return [await anext(events) for _ in range(count)]


def test_each_line_is_one_event_however_it_looks():
    streamer = FakeStreamer(["plain", 'with "quotes"\nand a break'])

    async def follow():
        events = stream_lines(FollowedLog(a_job(), streamer, tail="5"))
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
        events = stream_lines(FollowedLog(a_job(), streamer, tail="5"))
        await take(events, 1)
        (properties,) = streamer.sessions.values()
        await events.aclose()
        return properties

    assert asyncio.run(follow()) == {"job_name": "adder", "job_version": "0.0.1", "tail": "5"}
    assert streamer.sessions == {}
