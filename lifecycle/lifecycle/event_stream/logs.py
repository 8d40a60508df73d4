"""Following the log of a job: from the threads of an infrastructure target to one HTTP answer."""

import asyncio
import json
from collections.abc import AsyncIterator
from uuid import uuid4

from racetrack_commons.entities.dto import JobDto

from lifecycle.monitor.base import LogsStreamer

KEEP_ALIVE_SECONDS = 15
_MOST_WAITING_LINES = 10_000


async def stream_lines(streamer: LogsStreamer, job: JobDto, tail: int) -> AsyncIterator[str]:
    """Yield each line as a server-sent event, until the reader leaves."""
    lines: asyncio.Queue[str] = asyncio.Queue(_MOST_WAITING_LINES)
    loop = asyncio.get_running_loop()

    def take(_: str, line: str) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(_put, lines, line)

    session_id = str(uuid4())
    properties = {"job_name": job.name, "job_version": job.version, "tail": str(tail)}
    await asyncio.to_thread(streamer.create_session, session_id, properties, take)
    try:
        while True:
            try:
                line = await asyncio.wait_for(lines.get(), KEEP_ALIVE_SECONDS)
            except TimeoutError:
                yield ": alive\n\n"
            else:
                yield f"data: {json.dumps(line)}\n\n"
    finally:
        streamer.close_session(session_id)


def _put(lines: asyncio.Queue[str], line: str) -> None:
    """Drop the oldest line when the reader is slower than the job: memory is not endless."""
    if lines.full():
        lines.get_nowait()
    lines.put_nowait(line)
