"""Calls at the moment at which the job closes its idle connections: none fails, and none arrives twice."""

import asyncio
import random
import threading
from collections.abc import Iterator

import pytest
from pub.testing.closing_job import KEEP_ALIVE_SECONDS, ClosingJob

CALLERS, ROUNDS = 150, 6


@pytest.fixture
def job(lifecycle) -> Iterator[ClosingJob]:
    job, loop = ClosingJob(), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    lifecycle.address = asyncio.run_coroutine_threadsafe(job.start(), loop).result(10)
    yield job
    asyncio.run_coroutine_threadsafe(job.stop(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


def test_no_call_is_lost_or_doubled_while_the_job_closes_idle_connections(pub, job):
    statuses = asyncio.run(call_all(pub.base_url.port))
    assert set(statuses) == {b"HTTP/1.1 200"}
    assert len(job.calls) == CALLERS * ROUNDS
    assert set(job.calls.values()) == {1}


async def call_all(port):
    callers = [call_now_and_then(port, number) for number in range(CALLERS)]
    return [status for statuses in await asyncio.gather(*callers) for status in statuses]


async def call_now_and_then(port, number):
    pauses = random.Random(number)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    statuses = []
    for call in range(ROUNDS):
        await asyncio.sleep(KEEP_ALIVE_SECONDS * pauses.uniform(0.6, 1.1))
        body = b"%4d %4d" % (number, call)
        head = (
            b"POST /pub/job/adder/latest/x HTTP/1.1\r\nHost: pub\r\nX-Racetrack-Auth: a.good.z\r\n"
        )
        writer.write(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(2)
        statuses.append(answer[:12])
    writer.close()
    return statuses
