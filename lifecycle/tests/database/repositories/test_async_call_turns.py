"""Jobs whose async calls wait take turns."""

from collections import Counter
from datetime import timedelta

import pytest
from lifecycle.database.tables.job import AsyncJobCallLeaseRow, AsyncJobCallRow
from racetrack_commons.entities.async_calls import AsyncCallClaim, AsyncCallLease
from racetrack_commons.testing.builders import an_async_call
from sqlalchemy import insert


@pytest.fixture
def wait_in_line(unit_of_work, clock):
    """Let calls of a job wait, one after the other."""
    begun = 0

    def wait(job_name: str, count: int) -> None:
        nonlocal begun
        ids = [f"{job_name}-{begun + number:06d}" for number in range(count)]
        one = an_async_call(job_name=job_name).model_dump(exclude={"id", "body_encoding"})
        row = one | {"started_at": clock.now(), "request_body": b"", "response_body": b""}
        leases = [
            {
                "call_id": each,
                "job_name": job_name,
                "expires_at": clock.now() + timedelta(milliseconds=number),
            }
            for number, each in enumerate(ids)
        ]
        with unit_of_work() as uow:
            uow.session.connection().execute(
                insert(AsyncJobCallRow), [row | {"id": each} for each in ids]
            )
            uow.session.connection().execute(insert(AsyncJobCallLeaseRow), leases)
        begun += count
        clock.advance(count / 1000)

    return wait


@pytest.fixture
def claim(unit_of_work, clock):
    """Claim calls and return their ids."""

    def claim(limit: int, **turns) -> list[str]:
        wish = AsyncCallClaim(lease=AsyncCallLease(holder="a", seconds=60), limit=limit, **turns)
        with unit_of_work() as uow:
            return [call.id for call in uow.async_call_leases.claim(wish, clock.now())]

    return claim


def test_a_single_call_is_not_delayed_by_ten_thousand_of_another_job(wait_in_line, claim):
    wait_in_line("busy", 10_000)
    wait_in_line("quiet", 1)

    assert claim(2) == ["busy-000000", "quiet-010000"]


def test_calls_of_one_job_run_in_the_order_in_which_they_came(wait_in_line, claim):
    wait_in_line("a", 30)

    ids = [call_id for _ in range(3) for call_id in claim(10)]

    assert ids == [f"a-{number:06d}" for number in range(30)]


def test_jobs_take_turns(wait_in_line, claim):
    for job_name in "abc":
        wait_in_line(job_name, 5)

    turns = [Counter(call_id[0] for call_id in claim(3)) for _ in range(5)]

    assert turns == [{"a": 1, "b": 1, "c": 1}] * 5


def test_a_job_of_which_the_gateway_runs_many_calls_comes_last(wait_in_line, claim):
    wait_in_line("a", 5)
    wait_in_line("b", 5)

    assert [each[0] for each in claim(4, running={"a": 3, "elsewhere": 9})] == ["b", "b", "b", "a"]


def test_a_gateway_has_room_for_some_calls_of_each_job(wait_in_line, claim):
    wait_in_line("a", 5)
    wait_in_line("b", 5)

    claimed = Counter(each[0] for each in claim(10, running={"a": 2}, most_of_job=3))

    assert claimed == {"a": 1, "b": 3}
    assert claim(10, running={"a": 3, "b": 3}, most_of_job=3) == []
