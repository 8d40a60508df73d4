"""From the start of an async call to its answer."""

import threading

import pytest
from lifecycle.domain.secrets import SecretBox
from lifecycle.testing.instances import an_instance
from racetrack_commons.testing.builders import a_job
from racetrack_commons.testing.serving import wait_until
from racetrack_job_wrapper.app import JobApp
from racetrack_job_wrapper.environment import read_environment
from racetrack_job_wrapper.job import JobState, load_job

# Two FastAPI apps in two threads of one process reset each other's filters of warnings.
pytestmark = pytest.mark.filterwarnings(
    "ignore::pydantic.warnings.UnsupportedFieldAttributeWarning"
)
NEW = "/pub/async/new/job/adder/latest"
FAILURE = {
    *("task_id", "status", "job_name", "job_version", "job_path", "http_method"),
    *("started_at", "ended_at", "duration", "error", "attempts"),
}


def test_a_call_is_accepted_run_and_answered(gateway, lifecycle):
    task_id = gateway.start_call("/api/v1/perform?x=1&y=%20;z", json={"numbers": [40, 2]})
    answer = gateway.poll(task_id)

    assert answer.status_code == 200
    assert answer.json()["query"] == "x=1&y=%20;z"
    assert answer.headers["x-racetrack-task-status"] == "completed"
    assert gateway.status(task_id).json() == {"task_id": task_id, "status": "completed"}


def test_accepted_means_committed(gateway, lifecycle, job):
    task_id = gateway.start_call("/hold", content=b"\xff\x00")

    [row] = lifecycle.rows()
    assert (row["id"], row["status"], row["request_body"]) == (task_id, "ongoing", b"\xff\x00")
    assert gateway.status(task_id).json() == {"task_id": task_id, "status": "ongoing"}
    job.let_go.set()
    assert gateway.poll(task_id).status_code == 200


@pytest.mark.parametrize("body", [b"", b"text \xc3\xa4", bytes(range(256)) * 40])
def test_bodies_and_headers_come_back_as_they_were(gateway, body):
    task_id = gateway.start_call("/echo", content=body, headers={"Content-Type": "image/png"})
    answer = gateway.poll(task_id)

    assert answer.content == body
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2; Path=/"]
    assert (b"x-text", b"f\xfcr") in answer.headers.raw


def test_a_body_of_unknown_length_is_whole(gateway):
    task_id = gateway.start_call("/echo", content=iter([b"half of ", b"it"]))
    assert gateway.poll(task_id).content == b"half of it"


def test_routes_stand_without_the_prefix(gateway):
    started = gateway.client.post("/async/new/job/adder/0.x/x")
    task_id = started.json()["task_id"]
    assert gateway.client.get(f"/async/task/{task_id}/poll").status_code == 200
    assert gateway.client.get(f"/async/task/{task_id}/status").json()["status"] == "completed"


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "PROPFIND"])
def test_every_verb_reaches_the_job(gateway, method):
    task_id = gateway.start_call("/x", method)
    assert gateway.poll(task_id).json()["method"] == method


def test_an_answer_without_a_body_is_whole(gateway, lifecycle):
    assert gateway.client.head(f"{NEW}/x").status_code == 201
    [row] = lifecycle.rows()
    answer = gateway.poll(row["id"])
    assert (answer.status_code, answer.content) == (200, b"")
    assert gateway.poll(gateway.start_call("/204")).status_code == 204


@pytest.mark.parametrize("status", [202, 302, 400, 408, 500, 504])
def test_whatever_the_job_answers_ends_the_call_and_is_told_apart_from_an_early_poll(
    gateway, job, status
):
    answer = gateway.poll(gateway.start_call(f"/{status}"))

    assert (answer.status_code, answer.text) == (status, "as told")
    assert answer.headers["x-racetrack-task-status"] == "completed"
    assert job.calls == 1


def test_redirects_are_not_followed(gateway, job):
    answer = gateway.poll(gateway.start_call("/redirect"))
    assert (answer.status_code, answer.headers["location"]) == (302, "/elsewhere")
    assert job.calls == 1


def test_the_job_gets_the_headers_of_a_call_but_no_token(gateway, lifecycle):
    of_the_caller = {"X-Caller-Name": "somebody else", "X-Request-Tracing-Id": "my-id"}
    of_the_hop = {"Connection": "close, X-Hop", "X-Hop": "1"}
    tokens = {
        "X-Racetrack-Gateway-Token": "secret",
        "Cookie": "X-Racetrack-Auth=secret; mine=1",
    }
    headers = of_the_caller | of_the_hop | tokens
    answer = gateway.poll(gateway.start_call("/x", headers=headers))

    got = answer.json()["headers"]
    assert got["x-caller-name"] == "User admin"
    assert got["cookie"] == "mine=1"
    assert got["x-request-tracing-id"] == answer.headers["x-request-tracing-id"] == "my-id"
    assert got["x-forwarded-prefix"] == "/pub/job/adder/latest"
    assert got["x-racetrack-job"] == "adder 0.0.2"
    left_out = {"x-racetrack-auth", "x-racetrack-gateway-token", "x-hop", "x-forwarded-server"}
    assert not left_out & set(got)


def test_no_token_is_kept(gateway, lifecycle):
    gateway.start_call("/hold", headers={"Cookie": "X-Racetrack-Auth=kept"})
    [row] = lifecycle.rows()
    assert "x-racetrack-auth" not in row["request_headers"].lower()


def test_who_may_not_call_may_not_start(gateway, lifecycle):
    anonymous = gateway.client.post(f"{NEW}/x", headers={"X-Racetrack-Auth": ""})
    assert anonymous.status_code == 401
    assert anonymous.json()["error"] == "Async Job Call request error: Unauthenticated"
    assert anonymous.json()["path"] == "/pub/async/new/job/adder/latest/x"
    assert anonymous.json()["requestId"]

    missing = gateway.client.post("/pub/async/new/job/gone/latest/x")
    assert missing.status_code == 404
    assert gateway.client.post(f"{NEW}/x/%252e%252e/y").status_code == 404
    assert lifecycle.rows() == []


def test_a_body_that_is_too_large_is_refused_and_an_answer_too(start_gateway, lifecycle):
    gateway = start_gateway(async_max_body_bytes=4999)
    for body in (b"x" * 5000, iter([b"x" * 4000, b"x" * 4000])):
        refused = gateway.client.post(f"{NEW}/echo", content=body)
        assert refused.status_code == 413
        assert "ASYNC_MAX_BODY_BYTES" in refused.json()["error"]
    assert lifecycle.rows() == []

    failed = gateway.poll(gateway.start_call("/big"))
    assert (failed.status_code, failed.json()["attempts"]) == (500, 1)
    assert "4999 bytes" in failed.json()["error"]


def test_a_poll_that_is_too_early_is_answered_with_202(start_gateway, job):
    gateway = start_gateway(async_poll_seconds=0.1)
    task_id = gateway.start_call("/hold")

    early = gateway.poll(task_id)
    assert (early.status_code, early.json()) == (202, {"task_id": task_id, "status": "ongoing"})
    assert early.headers["x-racetrack-task-status"] == "ongoing"
    assert early.headers["retry-after"] == "0"


def test_unknown_ids_are_404(gateway):
    for task_id in ("00000000-0000-0000-0000-000000000000", "%00", "a%2Fb", "x" * 40):
        for what in ("poll", "status"):
            answer = gateway.client.get(f"/pub/async/task/{task_id}/{what}")
            assert answer.status_code == 404
    answer = gateway.poll("no-such-task")
    assert answer.json()["error"] == "Task not found in Lifecycle: Async task not found"
    assert answer.json()["requestId"]


def test_pollers_at_any_gateway_wake_when_the_call_ends(gateway, start_gateway, job):
    other = start_gateway()
    task_id = gateway.start_call("/hold")
    answers = []
    pollers = [
        threading.Thread(target=lambda at=at: answers.append(at.poll(task_id).status_code))
        for at in (gateway, other, other)
    ]
    for poller in pollers:
        poller.start()
    wait_until(lambda: job.calls == 1)
    job.let_go.set()
    for poller in pollers:
        poller.join(3)
    assert answers == [200, 200, 200]


def test_an_end_can_be_asked_for_again_for_a_while(start_gateway, lifecycle):
    gateway = start_gateway(async_keep_seconds=0.5)
    task_id = gateway.start_call("/echo", content=b"x")
    assert [gateway.poll(task_id).content for _ in range(2)] == [b"x", b"x"]
    wait_until(lambda: gateway.status(task_id).status_code == 404)
    assert lifecycle.rows() == []


def test_metrics_have_their_contract_names(gateway):
    gateway.poll(gateway.start_call("/x"))
    job = '{job_name="adder",job_version="0.0.2"}'
    wait_until(lambda: gateway.metric(f"pub_async_job_calls_done{job}") == 1)
    assert gateway.metric(f"pub_async_job_calls_started{job}") == 1
    assert gateway.metric(f"pub_job_proxy_requests{job}") == 0
    text = gateway.client.get("/metrics").text
    for name in (
        "job_calls_errors",
        "retried_task",
        "retried_crashed_task",
        "retried_missing_task",
    ):
        assert f"\npub_async_{name} 0.0" in text


def test_browsers_may_start_calls(gateway, lifecycle):
    headers = {"Origin": "https://example.com", "Access-Control-Request-Method": "POST"}
    assert gateway.client.options(f"{NEW}/x", headers=headers).status_code == 200
    assert lifecycle.rows() == []


def test_a_public_endpoint_needs_no_token(gateway, lifecycle):
    anonymous = gateway.client.post(f"{NEW}/live", headers={"X-Racetrack-Auth": ""})
    answer = gateway.poll(anonymous.json()["task_id"])
    assert (answer.status_code, "x-caller-name" in answer.json()["headers"]) == (200, False)


def test_failures_have_their_contract_keys(start_gateway):
    gateway = start_gateway(async_max_attempts=1)
    answer = gateway.poll(gateway.start_call("/404"))
    assert answer.status_code == 500
    assert set(answer.json()) == FAILURE
    assert answer.json()["error"] == "job returned 404 Not Found response: as told"
    assert answer.json()["status"] == answer.headers["x-racetrack-task-status"] == "failed"


def test_a_call_shows_the_secret_of_the_instance_which_is_not_stored_with_it(
    gateway, lifecycle, serve
):
    with lifecycle.unit_of_work() as uow:
        instance = an_instance("adder", "0.0.2", proves_itself=True)
        uow.instances.save(instance)
        secret = SecretBox(lifecycle.config.secret_key).make_shown_secret(instance)
        variables = {"JOB_NAME": "adder", "RACETRACK_INSTANCE_SECRET": secret}
        state = JobState(read_environment(variables | {"JOB_VERSION": "0.0.2"}, None))
        load_job(state, Doubler)
        address = serve(JobApp(state)).removeprefix("http://")
        uow.jobs.save(a_job("adder", "0.0.2", internal_name=address))

    task_id = gateway.start_call("/api/v1/perform", json={"number": 21})

    assert gateway.poll(task_id).json() == 42
    [row] = lifecycle.rows()
    assert secret not in str(row)


class Doubler:
    def perform(self, number: int) -> int:
        return number * 2
