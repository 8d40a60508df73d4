import asyncio
import threading

from lifecycle.event_stream.logs import stream_lines
from lifecycle.monitor.base import LogsStreamer
from lifecycle.testing.builders import a_job


class Streamer(LogsStreamer):
    def __init__(self, lines):
        self.lines = lines
        self.sessions = {}

    def create_session(self, session_id, resource_properties, on_next_line):
        self.sessions[session_id] = resource_properties
        threading.Thread(
            target=lambda: [on_next_line(session_id, line) for line in self.lines]
        ).start()

    def close_session(self, session_id):
        del self.sessions[session_id]


async def take(events, count):
    return [await anext(events) for _ in range(count)]


def test_each_line_is_one_event_however_it_looks():
    streamer = Streamer(["plain", 'with "quotes"\nand a break'])

    async def follow():
        events = stream_lines(streamer, a_job(), tail=5)
        taken = await take(events, 2)
        await events.aclose()
        return taken

    assert asyncio.run(follow()) == [
        'data: "plain"\n\n',
        'data: "with \\"quotes\\"\\nand a break"\n\n',
    ]


def test_the_session_ends_when_the_reader_leaves():
    streamer = Streamer(["one"])

    async def follow():
        events = stream_lines(streamer, a_job(), tail=5)
        await take(events, 1)
        (properties,) = streamer.sessions.values()
        await events.aclose()
        return properties

    assert asyncio.run(follow()) == {"job_name": "adder", "job_version": "0.0.1", "tail": "5"}
    assert streamer.sessions == {}
