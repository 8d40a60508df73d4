import asyncio
from contextlib import asynccontextmanager, suppress

import pytest
from pub.call_reports import CallReporter
from pub.call_tally import CallTally
from racetrack_commons.entities.lifecycle_client import LifecycleClient, LifecycleError
from racetrack_commons.testing.serving import wait_until


def count_calls(callers=1):
    tally = CallTally()
    for number in range(callers):
        tally.note("adder", "1.0.0", f"User {number}", "/")
    return tally


@asynccontextmanager
async def reporting(lifecycle, tally, seconds=0.01, finish_seconds=5.0):
    client = LifecycleClient(lifecycle.url, "internal")
    try:
        yield CallReporter(tally, client, seconds, finish_seconds)
    finally:
        await client.close()


async def stop_while_reporting(lifecycle, tally, **settings):
    async with reporting(lifecycle, tally, **settings) as reporter:
        loop = asyncio.create_task(reporter.report_calls())
        await asyncio.to_thread(wait_until, lambda: lifecycle.begun_reports > 0)
        loop.cancel()
        with suppress(asyncio.CancelledError):
            await loop
        await reporter.finish()


async def report(lifecycle, tally):
    async with reporting(lifecycle, tally) as reporter:
        await reporter.report()


def test_a_stop_lets_the_running_report_end_and_reports_the_rest(lifecycle):
    lifecycle.report_delays = [0.3]
    asyncio.run(stop_while_reporting(lifecycle, count_calls(callers=2500)))
    assert lifecycle.begun_reports == 3
    assert set(lifecycle.reported_calls().values()) == {1}
    assert len(lifecycle.reported_calls()) == 2500


def test_a_stop_reports_again_what_was_not_answered_in_time(lifecycle):
    lifecycle.report_delays = [20]
    asyncio.run(stop_while_reporting(lifecycle, count_calls(), finish_seconds=3))
    assert lifecycle.reported_calls() == {("adder", "1.0.0", "User 0"): 1}


@pytest.mark.parametrize("refusal", [401, 403, 429, 500])
def test_a_refused_report_is_kept_with_all_that_follow(lifecycle, refusal):
    lifecycle.refused_reports, lifecycle.refusal = 1, refusal
    tally = count_calls(callers=2500)
    with pytest.raises(LifecycleError):
        asyncio.run(report(lifecycle, tally))
    assert len(tally.take()) == 2500


@pytest.mark.parametrize("refusal", [404, 405, 422])
def test_only_the_batch_that_lifecycle_does_not_understand_is_dropped(lifecycle, refusal):
    lifecycle.refused_reports, lifecycle.refusal = 1, refusal
    tally = count_calls(callers=2500)
    asyncio.run(report(lifecycle, tally))
    assert len(lifecycle.reported_calls()) == 1500
    assert tally.take() == []


def test_an_unexpected_error_loses_no_calls(lifecycle):
    async def report_over_closed_connections():
        async with reporting(lifecycle, tally) as reporter:
            pass
        await reporter.report()

    tally = count_calls()
    with pytest.raises(RuntimeError, match="closed"):
        asyncio.run(report_over_closed_connections())
    assert len(tally.take()) == 1
