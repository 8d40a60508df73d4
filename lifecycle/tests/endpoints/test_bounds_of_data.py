"""What may be kept: async calls by job, caller and in all; deployments of one user; nothing large on a full disk."""

import base64
import gzip

import pytest
from lifecycle.app import create_app
from racetrack_commons.entities.dto import DeploymentStatus
from racetrack_commons.testing.builders import a_manifest_dict
from starlette.testclient import TestClient

ASYNC = "/lifecycle/api/v1/job/async"
ENDLESS = 2**60


@pytest.fixture
def limited(config, admin):
    """Lifecycle with these settings, as an administrator sees it."""
    clients = []

    def make(**settings):
        client = TestClient(
            create_app(config.model_copy(update=settings)), raise_server_exceptions=False
        )
        clients.append(client.__enter__())
        client.headers.update(admin)
        return client

    yield make
    for client in clients:
        client.__exit__()


def a_call(number: int, job: str = "adder", caller: str = "anna", body: str = "x" * 100):
    call = {
        "id": f"call-{number}",
        "status": "ongoing",
        "started_at": 1_770_000_000,
        "ended_at": None,
        "error": None,
        "job_name": job,
        "job_version": "0.0.1",
        "job_path": "/api/v1/perform",
        "request_method": "POST",
        "request_url": f"/pub/job/{job}/0.0.1/api/v1/perform",
        "request_headers": {},
        "request_body": body,
        "response_status_code": None,
        "response_headers": None,
        "response_body": "",
        "pub_instance_addr": "",
        "retriable_error": False,
    }
    return {"call": call, "caller": caller, "lease": {"holder": f"pub-{number}", "seconds": 60}}


def deploy(client, name: str):
    body = {
        "manifest": a_manifest_dict(name),
        "build_context": base64.b64encode(gzip.compress(name.encode())).decode(),
    }
    return client.post("/lifecycle/api/v1/deploy", json=body)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"async_max_calls": 8}, "ASYNC_MAX_CALLS"),
        ({"async_max_bytes": 800}, "ASYNC_MAX_BYTES"),
    ],
)
def test_async_calls_have_quotas_by_caller_by_job_and_in_all(limited, settings, problem):
    client = limited(**settings)
    wanted = [("a", "j")] * 3 + [("b", "j")] * 3 + [("c", "j"), ("c", "k"), ("d", "k"), ("e", "l")]
    wanted += [("e", "l"), ("f", "l"), ("f", "l")]

    answers = [
        client.post(f"{ASYNC}/new", json=a_call(number, job, caller))
        for number, (caller, job) in enumerate(wanted)
    ]

    refused = [number for number, answer in enumerate(answers) if answer.status_code == 429]
    # The third of a caller, the fifth of a job, the ninth of all.
    assert refused == [2, 5, 6, 11, 12]
    assert [owner(answers[number]) for number in (2, 6, 12)] == ["caller", "job", "platform"]
    assert problem in answers[2].json()["error"]
    assert int(answers[2].headers["Retry-After"]) > 0


def owner(answer) -> str:
    return answer.json()["error"].split()[1]


def test_an_answer_that_exceeds_the_quota_is_refused_and_an_end_makes_room(limited):
    client = limited(async_max_bytes=800)
    for number in range(2):
        client.post(f"{ASYNC}/new", json=a_call(number)).raise_for_status()
    end = {"holder": "pub-0", "status": "completed", "response_status_code": 200}

    refused = client.put(f"{ASYNC}/call/call-0/end", json=end | {"response_body": "x" * 101})
    kept = client.put(f"{ASYNC}/call/call-0/end", json=end | {"response_body": "x"})
    another = client.post(f"{ASYNC}/new", json=a_call(2, body="x" * 99))

    assert (refused.status_code, "ASYNC_MAX_BYTES" in refused.json()["error"]) == (400, True)
    assert (kept.status_code, another.status_code) == (200, 200)


def test_a_user_has_a_bounded_queue_of_deployments(limited):
    client = limited(max_open_deployments=2, deployment_workers=0)

    assert [deploy(client, name).status_code for name in ("a", "b")] == [200, 200]
    refused = deploy(client, "c")

    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "10")
    assert "2 deployments of admin wait or run" in refused.json()["error"]


def test_the_sources_of_a_users_open_deployments_are_bounded(limited):
    client = limited(max_bundle_bytes=25, deployment_workers=0)

    statuses = [deploy(client, name).status_code for name in "abcdef"]

    assert statuses == [200, 200, 200, 200, 429, 429]


def test_a_full_disk_refuses_what_is_large_says_so_and_reads_go_on(limited):
    client = limited(min_free_disk_bytes=ENDLESS)

    refused = [deploy(client, "adder"), client.post(f"{ASYNC}/new", json=a_call(1))]
    ready, jobs = client.get("/ready"), client.get("/lifecycle/api/v1/job")

    for answer in refused:
        assert (answer.status_code, answer.headers["Retry-After"]) == (507, "30")
        assert "free some space" in answer.json()["error"]
    assert (ready.status_code, ready.json()["ready"]) == (503, False)
    assert "MIN_FREE_DISK_BYTES" in ready.json()["error"]
    assert (jobs.status_code, jobs.json()) == (200, [])
    assert client.get("/health").json()["disk_full"] is True
    with client.app.state.services.unit_of_work.reading() as uow:
        assert [each.status for each in uow.deployments.list_newest(9)] == list[DeploymentStatus]()
