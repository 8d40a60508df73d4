"""New instances: each is judged by its own process, and by its examples."""

import httpx
import pytest
from racetrack_commons.entities.dto import DeploymentStatus, JobStatus

REFUSED = (
    "failed to call job \"adder latest\" by chain: Client error '401 Unauthorized' for url"
    " 'http://127.0.0.1:7205/pub/job/adder/latest/api/v1/perform'"
)


@pytest.fixture
def answer_example(platform):
    """Gives the job an example, which is answered with that status and error; None takes too long."""

    def give(status, error=""):
        def answer(request):
            if status is None:
                raise httpx.ReadTimeout("too slow", request=request)
            return httpx.Response(status, json={"error": error})

        answers = platform.instances.answers
        answers["/api/v1/examples"] = lambda _: httpx.Response(200, json={"/perform": {}})
        answers["/api/v1/perform"] = answer

    return give


def answer_of_another(request):
    headers = {"X-Racetrack-Proof": "of another Racetrack"}
    return httpx.Response(200, json={"live": True}, headers=headers)


def test_a_port_that_another_program_took_is_given_up_for_the_next(platform):
    platform.instances.answers["/live"] = answer_of_another
    platform.instances.lost_addresses = 1
    starts = platform.instances.start_instance

    def start(spec):
        if platform.instances.stopped:
            platform.instances.answers.clear()
        return starts(spec)

    platform.instances.start_instance = start

    deployment = platform.deploy()

    assert deployment.status == DeploymentStatus.DONE
    assert platform.job().internal_name == "job-1.test:7000"
    assert platform.instances.stopped == [deployment.id]


def test_another_program_is_never_taken_for_the_job(platform):
    platform.instances.answers["/live"] = answer_of_another
    platform.instances.lost_addresses = 99

    deployment = platform.deploy()

    assert deployment.status == DeploymentStatus.FAILED
    assert "another program took the job's address job-2.test:7000" in deployment.error
    assert "Hint: deploy again" in deployment.error
    assert platform.job() is None


def test_a_target_says_how_long_another_program_may_answer_first(platform):
    answers = platform.instances.answers

    def answer(_request):
        del answers["/live"]
        return httpx.Response(404)

    answers["/live"] = answer
    assert "answers 404 at /live" in platform.deploy().error

    answers["/live"] = answer
    platform.instances.settling_seconds = 20
    assert platform.deploy().status == DeploymentStatus.DONE


def test_an_instance_that_proves_itself_is_stored_as_such_and_an_older_one_is_not(platform):
    platform.deploy()
    assert serving(platform).proves_itself

    platform.instances.answers["/live"] = lambda _: httpx.Response(200, json={"live": True})
    platform.deploy()
    assert not serving(platform).proves_itself


def serving(platform):
    with platform.unit_of_work.reading() as uow:
        return uow.instances.find_serving("adder", "0.0.1")


def test_the_examples_are_called_with_the_secret_of_an_instance_that_proves_itself(platform):
    shown = []

    def answer(request):
        shown.append(request.headers.get("X-Racetrack-Instance-Secret"))
        return httpx.Response(200, json={"/perform": {}})

    for path in ("/api/v1/examples", "/api/v1/perform"):
        platform.instances.answers[path] = answer
    deployment = platform.deploy()
    secret = platform.instances.running[deployment.id].spec.instance_secret
    assert shown == [secret, secret]

    platform.instances.answers["/live"] = lambda _: httpx.Response(200, json={"live": True})
    platform.deploy()
    assert shown[2:] == [None, None], "an older job would pass it on to its own code"


def test_a_replica_that_does_not_prove_itself_beside_one_that_does_is_another_program(platform):
    def answer(request):
        if request.url.host == "job-1.test":
            return httpx.Response(200, json={"live": True})
        del platform.instances.answers["/live"]
        try:
            return platform.instances.answer(request)
        finally:
            platform.instances.answers["/live"] = answer

    platform.instances.answers["/live"] = answer

    error = platform.deploy(replicas=2).error

    assert "another program answers at the job's address job-1.test:7000" in error


def test_a_job_type_that_proves_nothing_must_hold_its_port(platform):
    platform.instances.answers["/live"] = lambda _: httpx.Response(200, json={"live": True})
    assert platform.deploy().status == DeploymentStatus.DONE

    platform.instances.lost_addresses = 99
    assert "another program took the job's address" in platform.deploy().error


def test_a_crash_during_an_example_is_told_instead_of_the_broken_call(platform, answer_example):
    answer_example(200)

    def crash(request):
        (instance,) = platform.instances.running.values()
        instance.crash = "the job ended by itself (exit code 3)"
        raise httpx.RemoteProtocolError("connection broken", request=request)

    platform.instances.answers["/api/v1/perform"] = crash

    assert "exit code 3" in platform.deploy().error


def test_a_crash_after_the_examples_fails_the_deployment(platform, answer_example):
    answer_example(200)

    def crash(_):
        (instance,) = platform.instances.running.values()
        instance.crash = "the job ended by itself (exit code 3)"
        return httpx.Response(200, json=42)

    platform.instances.answers["/api/v1/perform"] = crash

    assert "exit code 3" in platform.deploy().error


@pytest.mark.parametrize(
    ("status", "error", "warning"),
    [
        (500, REFUSED, "`racetrack auth allow job_family:chain adder` lets it call job adder"),
        (403, REFUSED.replace("401", "403"), "`racetrack auth allow job_family:chain adder`"),
        (None, "", "gave no answer within 30 s. The job is live all the same: `smoke_test_timeout"),
    ],
)
def test_a_first_deployment_that_lacks_a_grant_or_time_is_live_with_a_warning(
    platform, answer_example, status, error, warning
):
    answer_example(status, error)

    first = platform.deploy(name="chain")

    assert (first.status, first.error) == (DeploymentStatus.DONE, None)
    assert warning in first.warnings
    assert platform.job(name="chain").status == JobStatus.RUNNING

    again = platform.deploy(name="chain")
    assert again.status == DeploymentStatus.FAILED, "now a serving version is protected"
    other = platform.deploy("0.0.2", name="chain")
    assert other.status == DeploymentStatus.FAILED, "it would become the latest"
    assert warning.partition("`")[2] in other.error


def test_other_failures_of_examples_refuse_a_first_deployment_too(platform, answer_example):
    answer_example(500, "401 Unauthorized for url https://api.example.com/v1/answers")

    assert platform.deploy().status == DeploymentStatus.FAILED


def test_an_example_may_hold_text_that_utf_8_can_not_hold(platform, answer_example):
    answer_example(200)
    body = rb'{"/perform": {"text": "cut \ud83d"}}'
    platform.instances.answers["/api/v1/examples"] = lambda _: httpx.Response(200, content=body)

    assert platform.deploy().status == DeploymentStatus.DONE


def test_the_manifest_says_how_long_an_example_may_take(platform, answer_example):
    answer_example(200)
    seen = []

    def answer(request):
        seen.append(request.extensions["timeout"]["read"])
        return httpx.Response(200, json=42)

    platform.instances.answers["/api/v1/perform"] = answer
    platform.deploy(smoke_test_timeout=120)

    assert seen == [120]
