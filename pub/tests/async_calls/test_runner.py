"""Async calls whose gateway, job or Lifecycle becomes unavailable."""

import threading
import uuid
from datetime import datetime, timedelta

import httpx
import pytest
from lifecycle.maintenance import set_maintenance_mode
from racetrack_commons.clock import Clock
from racetrack_commons.entities.async_calls import AsyncCallLease, AsyncJobCallDto
from racetrack_commons.testing.serving import wait_until
from sqlalchemy import text

# Two FastAPI apps in two threads of one process reset each other's filters of warnings.
pytestmark = pytest.mark.filterwarnings(
    "ignore::pydantic.warnings.UnsupportedFieldAttributeWarning"
)


def test_a_call_that_breaks_off_is_sent_again(gateway, job):
    job.failures = 1
    assert gateway.poll(gateway.start_call("/echo", content=b"x")).content == b"x"
    assert job.calls == 2
    assert gateway.metric("pub_async_retried_crashed_task") == 1
    assert gateway.metric("pub_async_job_calls_errors") == 1


@pytest.mark.parametrize("attempts", [1, 3])
def test_a_call_fails_when_its_attempts_are_used_up(start_gateway, job, attempts):
    gateway = start_gateway(async_max_attempts=attempts)
    failed = gateway.poll(gateway.start_call("/404"))
    assert (failed.status_code, failed.json()["attempts"], job.calls) == (500, attempts, attempts)


def test_a_job_that_is_too_slow_is_asked_again(start_gateway, job):
    gateway = start_gateway(async_call_timeout_seconds=0.2)
    failed = gateway.poll(gateway.start_call("/hold"))
    assert "timed out" in failed.json()["error"]
    assert job.calls == 2


def test_of_two_gateways_one_runs_a_call_whose_lease_ran_out(start_gateway, lifecycle, job):
    ids = [add_call(lifecycle, "/x", lease_seconds=0.5) for _ in range(8)]
    gateways = [start_gateway(async_max_running=4) for _ in range(2)]

    for task_id in ids:
        assert gateways[0].poll(task_id).status_code == 200
    assert job.calls == len(ids)
    taken_over = [each.metric("pub_async_retried_missing_task") for each in gateways]
    assert sum(taken_over) == len(ids)


def test_a_lease_that_is_renewed_is_not_taken_over(gateway, start_gateway, lifecycle, job):
    task_id = gateway.start_call("/hold")
    start_gateway()
    first = expiry(lifecycle, task_id)
    wait_until(lambda: expiry(lifecycle, task_id) > first + timedelta(seconds=1.2))
    job.let_go.set()
    assert gateway.poll(task_id).status_code == 200
    assert job.calls == 1


def test_who_lost_the_lease_ends_its_attempt_and_tells_nothing(gateway, lifecycle, job):
    task_id = gateway.start_call("/hold")
    wait_until(lambda: job.calls == 1)
    with lifecycle.unit_of_work() as uow:
        uow.session.execute(text("UPDATE registry_asyncjobcalllease SET holder = 'another'"))
    wait_until(lambda: job.calls == 2, 5)
    job.let_go.set()

    assert gateway.poll(task_id).status_code == 200
    [row] = lifecycle.rows()
    assert row["attempts"] == 2


def test_calls_beyond_the_room_wait_in_the_database(start_gateway, lifecycle, job):
    gateway = start_gateway(async_max_running=1)
    ids = [gateway.start_call("/hold") for _ in range(3)]
    wait_until(lambda: job.calls == 1)
    assert sorted(bool(row["pub_instance_addr"]) for row in lifecycle.rows()) == [
        False,
        False,
        True,
    ]

    job.let_go.set()
    assert [gateway.poll(task_id).status_code for task_id in ids] == [200, 200, 200]
    assert {row["attempts"] for row in lifecycle.rows()} == {1}


def test_a_gateway_that_stops_answers_pollers_and_gives_calls_back(
    gateway, start_gateway, lifecycle, job
):
    task_id = gateway.start_call("/hold")
    wait_until(lambda: job.calls == 1)
    answers: list[httpx.Response] = []
    poller = threading.Thread(target=lambda: answers.append(gateway.poll(task_id)))
    poller.start()
    wait_until(lambda: requests_at_once(gateway) == 2)

    gateway.served.begin_to_stop()
    poller.join(0.8)
    assert [answer.status_code for answer in answers] == [202]
    gateway.served.stop()
    [row] = lifecycle.rows()
    assert (row["status"], row["pub_instance_addr"], row["attempts"]) == ("ongoing", "", 0)

    other = start_gateway()
    wait_until(lambda: job.calls == 2)
    job.let_go.set()
    assert other.poll(task_id).status_code == 200


def test_a_gateway_that_stops_lets_calls_end(start_gateway, lifecycle, job):
    gateway = start_gateway(shutdown_grace_seconds=10)
    gateway.start_call("/hold")
    wait_until(lambda: job.calls == 1)
    gateway.served.begin_to_stop()
    job.let_go.set()
    gateway.served.stop()
    assert [row["status"] for row in lifecycle.rows()] == ["completed"]


def test_a_call_outlives_lifecycle(start_gateway, lifecycle, job):
    gateway = start_gateway(async_poll_seconds=0.1)
    task_id = gateway.start_call("/hold")
    wait_until(lambda: job.calls == 1)
    lifecycle.stop()

    refused = gateway.client.post("/pub/async/new/job/adder/latest/x")
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
    assert gateway.status(task_id).status_code == 503
    assert gateway.poll(task_id).status_code == 504
    job.let_go.set()
    lifecycle.start()

    wait_until(lambda: gateway.poll(task_id).status_code == 200)
    assert job.calls == 1


def test_after_an_outage_calls_stay_with_who_runs_them(start_gateway, lifecycle, job):
    gateways = [start_gateway() for _ in range(2)]
    tasks = [each.start_call("/hold") for each in gateways]
    wait_until(lambda: job.calls == 2)
    lifecycle.stop()
    wait_until(lambda: all(expiry(lifecycle, task_id) < Clock().now() for task_id in tasks))
    lifecycle.start()

    wait_until(lambda: all(expiry(lifecycle, task_id) > Clock().now() for task_id in tasks))
    job.let_go.set()
    assert [gateways[0].poll(task_id).status_code for task_id in tasks] == [200, 200]
    assert job.calls == 2


def test_in_maintenance_mode_calls_may_end_but_not_begin(gateway, lifecycle, job):
    running = gateway.start_call("/hold")
    wait_until(lambda: job.calls == 1)
    maintain(lifecycle, on=True)
    wait_until(lambda: gateway.client.post("/pub/async/new/job/adder/1.x/x").status_code == 503)
    waiting = add_call(lifecycle, "/x")

    job.let_go.set()
    assert gateway.poll(running).status_code == 200
    wait_until(lambda: expiry(lifecycle, waiting) > Clock().now())
    wait_until(lambda: lifecycle.rows()[1]["pub_instance_addr"] == "")
    assert job.calls == 1
    maintain(lifecycle, on=False)
    assert gateway.poll(waiting).status_code == 200


def test_a_call_of_a_job_that_is_gone_fails_at_once(gateway, lifecycle):
    task_id = add_call(lifecycle, "/x", job_name="gone")
    failed = gateway.poll(task_id)
    assert (failed.status_code, failed.json()["attempts"]) == (500, 1)
    assert "Job was not found" in failed.json()["error"]


def test_a_job_that_refuses_connections_is_tried_so_often(start_gateway, lifecycle):
    gateway = start_gateway()
    with lifecycle.unit_of_work() as uow:
        job = uow.jobs.get("adder", "0.0.2")
        uow.jobs.save(job.model_copy(update={"internal_name": "127.0.0.1:1"}))
    failed = gateway.poll(gateway.start_call("/x"))
    assert (failed.status_code, failed.json()["attempts"]) == (500, 2)
    assert "connection refused" in failed.json()["error"]


def add_call(lifecycle, path, lease_seconds=None, job_name="adder") -> str:
    """Store a call as a vanished gateway would leave it, or, without a lease, as a gateway without room."""
    call = AsyncJobCallDto(
        id=str(uuid.uuid4()),
        status="ongoing",
        started_at=Clock().now().timestamp(),
        ended_at=None,
        error=None,
        job_name=job_name,
        job_version="0.0.2",
        job_path=path,
        request_method="POST",
        request_url=f"/pub/job/{job_name}/0.0.2{path}",
        request_headers={},
        request_body="",
        response_status_code=None,
        response_headers=None,
        response_body="",
        attempts=0 if lease_seconds is None else 1,
        pub_instance_addr="",
        retriable_error=False,
    )
    lease = None
    if lease_seconds is not None:
        lease = AsyncCallLease(holder="vanished", seconds=lease_seconds)
    with lifecycle.unit_of_work() as uow:
        uow.async_call_leases.add(call, lease, Clock().now())
    return call.id


def expiry(lifecycle, task_id):
    with lifecycle.unit_of_work.reading() as uow:
        query = text("SELECT expires_at FROM registry_asyncjobcalllease WHERE call_id = :id")
        return datetime.fromisoformat(uow.session.execute(query, {"id": task_id}).scalar_one())


def requests_at_once(gateway):
    """Count the open requests of a gateway, including the one for its metrics."""
    lines = gateway.client.get("/metrics").text.splitlines()
    counts = dict(line.split() for line in lines if line.startswith("commons_requests_"))
    started, done = counts["commons_requests_started_total"], counts["commons_requests_done_total"]
    return float(started) - float(done)


def maintain(lifecycle, *, on):
    with lifecycle.unit_of_work() as uow:
        set_maintenance_mode(uow, on=on)
