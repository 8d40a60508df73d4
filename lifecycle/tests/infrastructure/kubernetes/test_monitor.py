from datetime import UTC, datetime

import pytest
from lifecycle.domain.secrets import JobSecrets
from lifecycle.testing.deployer_contract import NAME, VERSION, a_contract_manifest
from racetrack_client.entities import Credentials
from racetrack_client.log.errors import EntityNotFound
from racetrack_commons.entities.dto import JobStatus
from racetrack_commons.testing.builders import a_job

RUNNING = {"running": {"startedAt": "2026-01-02T03:04:05Z"}}
END = {"terminated": {"exitCode": 3, "reason": "Error"}}


@pytest.fixture
def list_jobs(monitor, cluster_config):
    return lambda: list(monitor.list_jobs(cluster_config))


def change_containers(api, **values):
    def change(status):
        status["conditions"] = [{"type": "Ready", "status": "False"}]
        for container in status["containerStatuses"]:
            container |= values

    api.change_pods(change)


def test_a_job_whose_pods_are_ready_runs(serve, make_spec, list_jobs, api):
    serve(make_spec(manifest=a_contract_manifest(replicas=2)))
    api.asked.clear()

    (job,) = list_jobs()

    assert (job.name, job.version, job.status) == (NAME, VERSION, JobStatus.RUNNING)
    assert job.infrastructure_target == "kubernetes"
    assert len(job.replica_internal_names) == 2
    assert job.internal_name == job.replica_internal_names[0]
    assert job.infrastructure_stats == {
        "number_of_restarts": 0,
        "memory_limit_bytes": 2 * 2**30,
    }
    assert len(api.asked) == 1


def test_a_replica_that_is_not_ready_yet_starts(serve, make_spec, list_jobs, api):
    serve(make_spec())
    started = datetime.now(UTC).isoformat()
    change_containers(api, ready=False, state={"running": {"startedAt": started}})

    (job,) = list_jobs()
    assert (job.status, job.error) == (JobStatus.STARTING, None)


def test_a_replica_that_is_not_ready_for_long_is_an_error(serve, make_spec, list_jobs, api):
    serve(make_spec())
    change_containers(api, ready=False, state=RUNNING)

    (job,) = list_jobs()
    assert (job.status, job.error) == (JobStatus.ERROR, "the job is not ready")


def test_a_crash_is_told_without_the_secrets_of_the_job(serve, make_spec, list_jobs, api, deployer):
    serve(make_spec())
    secrets = JobSecrets(Credentials(username="me", password="tulip"), {}, {"KEY": "a-rose"})
    deployer.save_job_secrets(NAME, VERSION, secrets)
    (pod,) = api.list_of("pods")
    api.logs[pod["metadata"]["name"]] = "the key is a-rose\n"
    change_containers(api, state={"waiting": {"reason": "CrashLoopBackOff"}}, lastState=END)

    (job,) = list_jobs()

    assert job.status == JobStatus.ERROR
    assert "exit code 3" in job.error
    assert "the key is" in job.error
    assert "a-rose" not in job.error


def test_a_past_crash_is_a_notice(serve, make_spec, list_jobs, api):
    serve(make_spec())
    (pod,) = api.list_of("pods")
    pod["status"]["containerStatuses"][0] |= {"restartCount": 2, "lastState": END}

    (job,) = list_jobs()
    assert job.status == JobStatus.RUNNING
    assert job.notice == (
        "the job was started again 2 times; the last time it ended by itself (exit code 3)"
    )
    assert job.infrastructure_stats["number_of_restarts"] == 2


def test_a_missing_replica_is_an_error(serve, make_spec, list_jobs, api):
    serve(make_spec(manifest=a_contract_manifest(replicas=2)))
    (key,) = [key for key in api.objects if key[1].endswith("-r1-x")]
    del api.objects[key]

    (job,) = list_jobs()
    assert job.error == "1 of 2 replicas of the job are missing"


def test_a_job_without_a_pod_is_left_out_and_a_stranger_is_orphaned(
    serve, make_spec, list_jobs, api, deployer
):
    serve(make_spec())
    api.objects.clear()
    assert list_jobs() == []

    stranger = deployer.start_instance(make_spec(manifest=a_contract_manifest(name="other")))
    (job,) = list_jobs()
    assert (job.name, job.status) == ("other", JobStatus.ORPHANED)
    assert job.internal_name == stranger.internal_name


def test_logs_of_replicas_are_merged_in_the_order_of_time(serve, make_spec, monitor, api):
    job = serve(make_spec(manifest=a_contract_manifest(replicas=2)))
    one, two = sorted((pod["metadata"]["name"] for pod in api.list_of("pods")), key=len)
    api.logs[one] = "2026-01-01T00:00:01.5Z first\n2026-01-01T00:00:03.5Z third\n"
    api.logs[two] = "2026-01-01T00:00:02.5Z second\n"

    assert monitor.read_recent_logs(job) == "r0 | first\nr1 | second\nr0 | third\n"
    assert monitor.read_recent_logs(job, tail=1) == "r0 | third\n"
    since = datetime(2026, 1, 1, tzinfo=UTC)
    assert monitor.read_logs_since(job, since, 2) == "r1 | second\nr0 | third\n"
    assert api.asked[-1].question["sinceTime"] == "2026-01-01T00:00:00.000000Z"


def test_the_log_is_that_of_the_serving_instance(serve, make_spec, monitor, api, deployer):
    job = serve(make_spec())
    (pod,) = api.list_of("pods")
    api.logs[pod["metadata"]["name"]] = "2026-01-01T00:00:01Z serving\n"
    deployer.start_instance(make_spec())

    assert monitor.read_recent_logs(job) == "serving\n"


def test_a_job_without_a_pod_has_no_log(monitor):
    with pytest.raises(EntityNotFound, match="there is no pod of it"):
        monitor.read_recent_logs(a_job("gone", "0.0.1"))
