"""All compressed bodies of a job together: a further one waits for room, and is refused when there is none in time."""

import asyncio
import gzip
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack

import pytest
from racetrack_job_wrapper.decoded_bodies import MAX_SUM_BYTES, BodiesTooLarge, DecodedBodies
from racetrack_job_wrapper.request import MAX_DECOMPRESSED_BYTES, BodyTooLarge

GZIP = {"content-encoding": "gzip"}
LARGE = gzip.compress(bytes(MAX_DECOMPRESSED_BYTES), 1)
FITTING = MAX_SUM_BYTES // MAX_DECOMPRESSED_BYTES


async def hold(bodies, stack, number, body=LARGE):
    for _ in range(number):
        await stack.enter_async_context(bodies.decode(body, GZIP))


def test_a_body_without_room_is_refused_and_a_later_one_finds_what_was_given_back():
    async def run():
        bodies = DecodedBodies(patience_seconds=0.05)
        async with AsyncExitStack() as stack:
            await hold(bodies, stack, FITTING)
            with pytest.raises(BodiesTooLarge, match="call again later"):
                await hold(bodies, stack, 1)
        for body in (b"broken", gzip.compress(bytes(MAX_DECOMPRESSED_BYTES + 1), 1)) * FITTING:
            with pytest.raises((ValueError, BodyTooLarge)):
                await hold(bodies, stack, 1, body)
        async with AsyncExitStack() as again:
            await hold(bodies, again, FITTING)

    asyncio.run(run())


def test_a_body_waits_until_another_call_has_ended():
    async def run():
        bodies = DecodedBodies()
        async with AsyncExitStack() as waiting, AsyncExitStack() as first:
            await hold(bodies, first, FITTING)
            late = asyncio.create_task(hold(bodies, waiting, 1))
            await asyncio.sleep(0)
            assert not late.done()
            await first.aclose()
            await asyncio.wait_for(late, 10)

    asyncio.run(run())


def test_small_bodies_hold_no_more_than_they_have():
    async def run():
        bodies = DecodedBodies(patience_seconds=5)
        async with AsyncExitStack() as stack:
            await hold(bodies, stack, 10 * FITTING, gzip.compress(b"{}"))

    asyncio.run(run())


def test_calls_with_small_compressed_bodies_run_at_once(serve_job):
    meeting = threading.Barrier(8, timeout=10)

    class Job:
        def perform(self):
            return meeting.wait() >= 0

    client, body = serve_job(Job), gzip.compress(b"{}")
    with ThreadPoolExecutor(8) as callers:
        calls = [
            callers.submit(client.post, "/api/v1/perform", content=body, headers=GZIP)
            for _ in range(8)
        ]

        assert [call.result().json() for call in calls] == [True] * 8
