import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from lifecycle.event_stream.changes import ChangeFeed
from lifecycle.event_stream.gateways import (
    LONGEST_HOLD_SECONDS,
    RETURN_SECONDS,
    GatewayStreams,
)
from racetrack_commons.entities.dto import ChangeKind, DeploymentStatus
from racetrack_commons.testing.builders import a_deployment


@pytest.fixture
def feed(unit_of_work):
    feed = ChangeFeed(unit_of_work)
    feed.start()
    yield feed
    feed.stop()


@pytest.fixture
def streams(feed, unit_of_work, clock) -> GatewayStreams:
    return GatewayStreams(feed, unit_of_work, clock)


@pytest.fixture
def heard(streams, unit_of_work):
    """Tell whether the gateways have heard of a deployment."""

    def have_heard(deployment):
        with unit_of_work.reading() as uow:
            return streams.have_heard(uow, deployment)

    return have_heard


def a_done(clock, **values):
    now = int(clock.now().timestamp())
    times = {"create_time": now, "update_time": now}
    return a_deployment(status=DeploymentStatus.DONE, **times | values)


@asynccontextmanager
async def a_gateway(streams: GatewayStreams):
    """Open a stream that a gateway has read up to `hello`; what is yielded next is sent with the step after it."""
    stream = streams.stream_changes()
    await anext(stream)
    yield stream
    await stream.aclose()


def switch(unit_of_work, name="adder"):
    with unit_of_work() as uow:
        uow.record_change(ChangeKind.JOB, name)


def test_an_end_is_told_when_each_gateway_was_sent_the_switch(streams, heard, unit_of_work, clock):
    async def follow():
        async with a_gateway(streams) as one, a_gateway(streams) as two:
            for stream in (one, two):
                reading = asyncio.ensure_future(anext(stream))
                await asyncio.sleep(0)
                if stream is one:
                    others = reading
            assert heard(a_done(clock))
            switch(unit_of_work)
            states = [heard(a_done(clock))]
            for stream, change in ((one, others), (two, reading)):
                assert "event: change" in await change
                states.append(heard(a_done(clock)))
                later = asyncio.ensure_future(anext(stream))
                await asyncio.sleep(0)
                states.append(heard(a_done(clock)))
                later.cancel()
                await asyncio.gather(later, return_exceptions=True)
            return states

    assert asyncio.run(follow()) == [False, False, False, False, True]


def test_gateways_are_sent_the_kinds_that_all_releases_know(streams, unit_of_work):
    async def follow():
        async with a_gateway(streams) as stream:
            with unit_of_work() as uow:
                for kind in ChangeKind:
                    uow.record_change(kind)
            return [json.loads((await anext(stream)).partition("data: ")[2]) for _ in range(4)]

    told = [change["kind"] for change in asyncio.run(follow())]
    assert told == ["job", "auth", "maintenance", "async_call"]


def test_changes_of_other_jobs_are_not_waited_for(streams, heard, unit_of_work, clock):
    async def follow():
        async with a_gateway(streams) as stream:
            reading = asyncio.ensure_future(anext(stream))
            await asyncio.sleep(0)
            switch(unit_of_work, "other")
            was_heard = heard(a_done(clock))
            await reading
            return was_heard

    assert asyncio.run(follow())


def test_a_gateway_that_does_not_read_is_waited_for_a_while(streams, heard, unit_of_work, clock):
    done = a_done(clock)

    async def follow():
        async with a_gateway(streams):
            switch(unit_of_work)
            states = [heard(done)]
            clock.advance(LONGEST_HOLD_SECONDS + 1)
            return [*states, heard(done)]

    assert asyncio.run(follow()) == [False, True]


def test_after_a_restart_the_gateways_get_time_to_come_back(streams, heard, unit_of_work, clock):
    before = a_done(clock, create_time=int(clock.now().timestamp()) - 3)
    switch(unit_of_work)

    assert not heard(before)
    assert heard(a_done(clock))
    assert heard(a_done(clock, create_time=0, update_time=0))
    clock.advance(RETURN_SECONDS)
    assert heard(before)


def test_a_gateway_that_left_is_not_waited_for(streams, heard, unit_of_work, clock):
    async def follow():
        async with a_gateway(streams):
            pass
        switch(unit_of_work)
        return heard(a_done(clock))

    assert asyncio.run(follow())


def test_a_deployment_is_shown_as_done_when_the_gateways_are_back(client, admin, app_uow, clock):
    services = client.app.state.services
    restarted = GatewayStreams(services.changes, app_uow, clock)
    client.app.state.services = replace(services, gateways=restarted)
    done = a_done(clock)
    with app_uow() as uow:
        uow.deployments.add(done, clock.now() - timedelta(seconds=3), None)
    path = f"/lifecycle/api/v1/deploy/{done.id}"

    def get_status():
        return client.get(path, headers=admin).json()["status"]

    assert get_status() == "in_progress"
    clock.advance(RETURN_SECONDS)
    assert get_status() == "done"
