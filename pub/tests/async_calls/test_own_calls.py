"""Idempotency keys, cancelling, lists of one's own calls, and who may read an answer."""

import asyncio
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from lifecycle.auth.tokens import Tokens
from lifecycle.database.tables.job import PublicEndpointRow
from lifecycle.domain.secrets import SecretBox
from pub.async_calls.runner import AsyncCallRunner
from pub.config import PubConfig
from racetrack_client.entities import AuthScope
from racetrack_commons.clock import Clock
from racetrack_commons.entities.async_calls import AsyncCallLease
from racetrack_commons.testing.builders import a_job, an_async_call
from racetrack_commons.testing.serving import wait_until

# Two FastAPI apps in two threads of one process reset each other's filters of warnings.
pytestmark = pytest.mark.filterwarnings(
    "ignore::pydantic.warnings.UnsupportedFieldAttributeWarning"
)
NEW = "/pub/async/new/job/adder/latest"
TASKS = "/pub/async/task"


@pytest.fixture
def make_caller(lifecycle):
    """Make the headers of a new ESC that may call every job."""

    def make(name: str) -> dict[str, str]:
        config = lifecycle.config
        tokens = Tokens(config.auth_key, SecretBox(config.secret_key), Clock())
        with lifecycle.unit_of_work() as uow:
            subject = uow.auth_subjects.get_or_add_of_esc(uow.escs.add(name, None).id)
            uow.permissions.grant(subject.id, AuthScope.CALL_JOB)
            return {"X-Racetrack-Auth": tokens.create(uow, subject).text}

    return make


@pytest.fixture
def anna(make_caller) -> dict[str, str]:
    return make_caller("anna")


def start(gateway, key: str | None = None, path: str = "/x", **options) -> httpx.Response:
    headers = options.pop("headers", {}) | ({"Idempotency-Key": key} if key is not None else {})
    return gateway.client.post(f"{NEW}{path}", headers=headers, **options)


def cancel(gateway, task_id: str, headers: dict[str, str] | None = None) -> httpx.Response:
    return gateway.client.delete(f"{TASKS}/{task_id}", headers=headers)


def test_a_start_with_the_same_key_returns_the_same_call(gateway, job):
    first = start(gateway, "k", "/hold", json={"x": 1})
    again = start(gateway, "k", "/hold", json={"x": 1})
    job.let_go.set()

    assert (again.status_code, again.json()) == (201, first.json())
    assert gateway.poll(first.json()["task_id"]).status_code == 200
    after_the_end = start(gateway, "k", "/hold", json={"x": 1})
    assert (after_the_end.status_code, after_the_end.json()) == (201, first.json())
    assert job.calls == 1
    assert gateway.metric("pub_async_job_calls_started") == 1


def test_starts_at_two_gateways_at_once_run_one_call(gateway, start_gateway, lifecycle, job):
    gateways = [gateway, start_gateway()] * 4
    at_once = threading.Barrier(len(gateways))

    def start_at_once(at):
        with httpx.Client(
            base_url=at.client.base_url, headers=at.client.headers, timeout=20
        ) as http:
            http.get("/live")
            at_once.wait(10)
            return http.post(f"{NEW}/x", headers={"Idempotency-Key": "k"})

    with ThreadPoolExecutor(len(gateways)) as pool:
        answers = list(pool.map(start_at_once, gateways))

    assert [each.status_code for each in answers] == [201] * len(gateways)
    [task_id] = {each.json()["task_id"] for each in answers}
    assert gateway.poll(task_id).status_code == 200
    assert (job.calls, len(lifecycle.rows())) == (1, 1)


def test_a_quoted_key_is_the_same_as_a_bare_one(gateway):
    assert start(gateway, '"k"').json() == start(gateway, "k").json()
    assert start(gateway, r'"a\"b"').json() == start(gateway, 'a"b').json()


def test_a_new_version_does_not_change_what_was_started(gateway, lifecycle, job):
    first = start(gateway, "k").json()
    with lifecycle.unit_of_work() as uow:
        address = uow.jobs.get("adder", "0.0.2").internal_name
        uow.jobs.save(a_job("adder", "0.0.3", internal_name=address))
    assert start(gateway, "k").json() == first


@pytest.mark.parametrize("other", [{"path": "/y"}, {"path": "/x?a=1"}, {"content": b"other"}])
def test_a_key_that_was_used_for_another_request_is_refused(gateway, lifecycle, other):
    assert start(gateway, "k").status_code == 201

    refused = start(gateway, "k", **other)

    assert refused.status_code == 422
    assert "use a new key" in refused.json()["error"]
    assert len(lifecycle.rows()) == 1


def test_a_key_that_was_used_for_another_job_is_refused(gateway, lifecycle):
    with lifecycle.unit_of_work() as uow:
        uow.jobs.save(a_job("other", "0.0.1", internal_name="127.0.0.1:1"))
    assert start(gateway, "k").status_code == 201
    refused = gateway.client.post(
        "/pub/async/new/job/other/latest/x", headers={"Idempotency-Key": "k"}
    )
    assert refused.status_code == 422


@pytest.mark.parametrize("key", ["", '""', "k" * 256, '"' + "k" * 256 + '"', "two words", "\xfc"])
def test_what_is_no_key_is_refused(gateway, lifecycle, key):
    refused = start(gateway, headers={"Idempotency-Key": key.encode("latin-1")})
    assert refused.status_code == 400
    assert "255 visible ASCII characters" in refused.json()["error"]
    twice = gateway.client.post(f"{NEW}/x", headers=[("Idempotency-Key", "k")] * 2)
    assert twice.status_code == 400
    assert lifecycle.rows() == []


def test_the_longest_key_is_accepted_and_the_job_is_told(gateway):
    key = "k" * 255
    answer = gateway.poll(start(gateway, key).json()["task_id"])
    assert answer.json()["headers"]["idempotency-key"] == key


def test_callers_do_not_share_keys(gateway, anna):
    assert start(gateway, "k", headers=anna).json() != start(gateway, "k").json()


def test_a_key_needs_a_caller(gateway, lifecycle):
    refused = start(gateway, "k", "/live", headers={"X-Racetrack-Auth": ""})
    assert refused.status_code == 400
    assert "needs a caller" in refused.json()["error"]


def test_a_public_endpoint_knows_the_caller_who_shows_a_token(gateway, lifecycle, anna):
    with lifecycle.unit_of_work() as uow:
        job = uow.jobs.get("adder", "0.0.2")
        uow.session.add(PublicEndpointRow(job_id=job.id, endpoint="/x", active=True))
    first = start(gateway, "k", headers=anna).json()
    assert start(gateway, "k", headers=anna).json() == first
    [own] = gateway.client.get(TASKS, headers=anna).json()
    assert own["task_id"] == first["task_id"]


def test_a_running_call_is_aborted_within_a_second(start_gateway, lifecycle, job):
    # Without the stream of changes, its gateway would notice when it renews the lease, after 12 s.
    gateway = start_gateway(async_lease_seconds=60)
    task_id = gateway.start_call("/hold")
    wait_until(lambda: job.calls == 1)
    polls: list[httpx.Response] = []
    poller = threading.Thread(target=lambda: polls.append(gateway.poll(task_id)))
    poller.start()

    cancelled = cancel(gateway, task_id)

    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "failed")
    poller.join(1)
    [end] = polls
    assert (end.status_code, end.json()["error"]) == (500, "the call was cancelled by User admin")
    assert end.headers["x-racetrack-task-status"] == "failed"
    wait_until(lambda: job.left == 1, 1)
    assert gateway.status(task_id).json()["status"] == "failed"


def test_a_call_is_cancelled_at_any_gateway(gateway, start_gateway, job):
    task_id = gateway.start_call("/hold")
    wait_until(lambda: job.calls == 1)
    assert cancel(start_gateway(), task_id).status_code == 200
    wait_until(lambda: job.left == 1, 1)


def test_a_call_that_waits_never_runs(start_gateway, job):
    gateway = start_gateway(async_max_running=1)
    running, waiting = (gateway.start_call("/hold") for _ in range(2))
    wait_until(lambda: job.calls == 1)

    assert cancel(gateway, waiting).status_code == 200
    job.let_go.set()

    assert gateway.poll(running).status_code == 200
    assert gateway.poll(gateway.start_call("/x")).status_code == 200
    assert gateway.poll(waiting).status_code == 500
    assert job.calls == 2


def test_cancelling_may_be_repeated_and_leaves_an_end_alone(gateway, job):
    task_id = gateway.start_call("/hold")
    assert [cancel(gateway, task_id).json()["status"] for _ in range(2)] == ["failed"] * 2

    done = gateway.start_call("/echo", content=b"x")
    assert gateway.poll(done).content == b"x"
    assert cancel(gateway, done).json() == {"task_id": done, "status": "completed"}
    assert gateway.poll(done).content == b"x"


def test_a_call_of_another_caller_is_not_there(gateway, make_caller, anna):
    task_id = start(gateway, path="/hold", headers=anna).json()["task_id"]

    for stranger in ({"X-Racetrack-Auth": ""}, {"X-Racetrack-Auth": "not.a.token"}):
        assert cancel(gateway, task_id, stranger).status_code == 401
    assert cancel(gateway, task_id, make_caller("bob")).status_code == 404
    assert gateway.status(task_id).json()["status"] == "ongoing"
    assert cancel(gateway, task_id).json()["status"] == "failed"  # by an administrator


def test_unknown_ids_are_404(gateway):
    for task_id in (str(uuid.uuid4()), "%00", "x" * 40):
        assert cancel(gateway, task_id).status_code == 404


def test_callers_list_their_own_calls(gateway, anna):
    mine = [start(gateway, path=f"/{number}", headers=anna) for number in (200, 404)]
    for each in mine:
        gateway.poll(each.json()["task_id"])
    gateway.start_call("/x")

    answer = gateway.client.get(TASKS, headers=anna)

    assert answer.headers["x-total-count"] == "2"
    shown = {each["job_path"]: each for each in answer.json()}
    assert shown["/200"] | {"ended_at": "", "started_at": ""} == {
        "task_id": mine[0].json()["task_id"],
        "status": "completed",
        "job_name": "adder",
        "job_version": "0.0.2",
        "job_path": "/200",
        "http_method": "POST",
        "started_at": "",
        "ended_at": "",
        "error": None,
        "response_status_code": 200,
        "attempts": 1,
    }
    assert shown["/404"]["status"] == "failed"
    failed = gateway.client.get(f"{TASKS}?status=failed&job=adder&version=0.0.2", headers=anna)
    assert [each["job_path"] for each in failed.json()] == ["/404"]
    page = gateway.client.get(f"{TASKS}?limit=1&offset=1", headers=anna)
    assert (len(page.json()), page.headers["x-total-count"]) == (1, "2")


def test_a_list_needs_a_token_and_a_page_that_is_one(gateway):
    for token in ("", "not.a.token", "x" * 20_000):
        answer = gateway.client.get(TASKS, headers={"X-Racetrack-Auth": token})
        assert answer.status_code == 401
        assert "X-Racetrack-Auth" in answer.json()["error"]
    for query in ("limit=0", "offset=-1", "status=odd"):
        assert gateway.client.get(f"{TASKS}?{query}").status_code == 422


def test_answers_are_for_their_callers_where_the_settings_say_so(
    start_gateway, make_caller, anna, job
):
    gateway = start_gateway(async_open_poll=False)
    task_id = start(gateway, path="/echo", content=b"x", headers=anna).json()["task_id"]
    bob = make_caller("bob")

    for what in ("poll", "status"):
        url = f"{TASKS}/{task_id}/{what}"
        assert gateway.client.get(url, headers={"X-Racetrack-Auth": ""}).status_code == 401
        assert gateway.client.get(url, headers=bob).status_code == 404
        assert gateway.client.get(url, headers=anna).status_code == 200
        assert gateway.client.get(url).status_code == 200  # an administrator
    anonymous = start(gateway, path="/live", headers={"X-Racetrack-Auth": ""}).json()["task_id"]
    assert gateway.poll(anonymous).status_code == 200


def test_while_lifecycle_is_away_nothing_is_cancelled_or_listed(gateway, lifecycle):
    lifecycle.stop()
    for answer in (cancel(gateway, str(uuid.uuid4())), gateway.client.get(TASKS)):
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")


def test_a_job_with_many_calls_leaves_room_for_another(start_gateway, lifecycle, job):
    with lifecycle.unit_of_work() as uow:
        address = uow.jobs.get("adder", "0.0.2").internal_name
        uow.jobs.save(a_job("quiet", "0.0.1", internal_name=address))
    gateway = start_gateway(async_max_running=4)
    for _ in range(10):
        gateway.start_call("/hold")
    wait_until(lambda: job.calls == 2)

    quiet = gateway.client.post("/pub/async/new/job/quiet/latest/x").json()["task_id"]

    assert gateway.poll(quiet).status_code == 200
    assert job.calls == 3


def test_calls_that_wait_run_as_soon_as_there_is_room(start_gateway, job):
    gateway = start_gateway(async_max_running=2, async_look_seconds=60)
    ids = [gateway.start_call("/x") for _ in range(30)]
    assert [gateway.poll(task_id).status_code for task_id in ids] == [200] * 30


def test_a_call_that_ended_while_it_was_claimed_is_not_begun():
    begun: list[str] = []

    class Attempts:
        async def make(self, call):
            begun.append(call.id)

    runner = AsyncCallRunner(
        store=None,
        attempts=Attempts(),
        reporter=None,
        config=PubConfig(development_mode=True),
        clock=Clock(),
        metrics=None,
    )
    lease = AsyncCallLease(holder="a", seconds=9)

    async def begin_after_the_news() -> int:
        runner.note_end("cancelled")
        runner.begin(an_async_call("cancelled"), lease)
        return len(asyncio.all_tasks())

    assert asyncio.run(begin_after_the_news()) == 1
    assert begun == []
