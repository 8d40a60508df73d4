import threading
from datetime import UTC, datetime

import pytest
from lifecycle.domain.secrets import JobSecrets
from lifecycle.infrastructure.kubernetes.cluster import ClusterUnavailable
from lifecycle.testing.deployer_contract import NAME, VERSION, a_contract_manifest
from racetrack_client.entities import Credentials
from racetrack_client.log.errors import EntityNotFound
from racetrack_commons.entities.dto import JobStatus
from racetrack_commons.testing.builders import a_job
from racetrack_commons.testing.serving import wait_until

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
    api.logs[pod["metadata"]["name"]] = "2026-01-02T03:04:05Z the key is a-rose\n"
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


def test_a_steady_job_is_described_again_when_its_pod_or_its_address_changes(
    serve, make_spec, list_jobs, api, unit_of_work
):
    serve(make_spec())
    (before,) = list_jobs()
    (again,) = list_jobs()
    assert again is before, "thousands of jobs are not described at each look"

    (pod,) = api.list_of("pods")
    pod["status"]["containerStatuses"][0]["restartCount"] = 1
    (restarted,) = list_jobs()
    assert restarted.infrastructure_stats["number_of_restarts"] == 1

    with unit_of_work() as uow:
        (instance,) = uow.instances.list_serving("kubernetes")
        uow.instances.save(instance.model_copy(update={"internal_name": "elsewhere:7000"}))
        assert uow.instances.list_serving("docker") == []
    (moved,) = list_jobs()
    assert moved.internal_name == "elsewhere:7000"


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


def test_the_log_of_a_restarted_job_begins_before_its_end(serve, make_spec, monitor, api):
    job = serve(make_spec())
    (pod,) = api.list_of("pods")
    pod["status"]["containerStatuses"][0] |= {"restartCount": 1, "lastState": END}
    name = pod["metadata"]["name"]
    api.logs |= {
        name: "2026-01-01T00:00:03Z again\n",
        f"{name} previous": "2026-01-01T00:00:01Z one\n2026-01-01T00:00:02Z crash\n",
    }

    assert monitor.read_recent_logs(job) == "one\ncrash\nagain\n"
    assert monitor.read_recent_logs(job, tail=2) == "crash\nagain\n"
    assert monitor.read_recent_logs(job, tail=1) == "again\n"
    assert monitor.read_logs_since(job, datetime(2026, 1, 1, 0, 0, 2, tzinfo=UTC), 9) == (
        "crash\nagain\n"
    )


def test_of_a_log_with_very_long_lines_the_last_ones_are_read_in_bounded_memory(
    serve, make_spec, monitor, api
):
    job = serve(make_spec())
    (pod,) = api.list_of("pods")
    lines = (f"2026-01-01T00:00:0{number}Z {number}{'x' * 2**20}\n" for number in range(10))
    api.logs[pod["metadata"]["name"]] = "".join(lines)

    for text in (
        monitor.read_recent_logs(job, tail=10),
        monitor.read_logs_since(job, datetime(2026, 1, 1, tzinfo=UTC), 10),
    ):
        assert text.splitlines()[-1].startswith("9xxx")
    limits = [one.question["limitBytes"] for one in api.asked if one.path.endswith("/log")]
    assert set(limits) == {str(8 * 2**20)}


def test_the_log_is_that_of_the_serving_instance(serve, make_spec, monitor, api, deployer):
    job = serve(make_spec())
    (pod,) = api.list_of("pods")
    api.logs[pod["metadata"]["name"]] = "2026-01-01T00:00:01Z serving\n"
    deployer.start_instance(make_spec())

    assert monitor.read_recent_logs(job) == "serving\n"


def test_a_job_without_a_pod_has_no_log(monitor):
    with pytest.raises(EntityNotFound, match="there is no pod of it"):
        monitor.read_recent_logs(a_job("gone", "0.0.1"))


@pytest.fixture
def watching(monitor, pods):
    """Lets the monitor watch; counts the changes that it was told of."""
    changes = threading.Semaphore(0)
    monitor.watch_jobs(changes.release)
    yield changes
    monitor.stop_watching()
    assert not [one for one in threading.enumerate() if one.name == "watch-pods"]


def test_a_change_is_told_and_seen_without_a_further_call(
    serve, make_spec, list_jobs, api, watching
):
    serve(make_spec())
    wait_until(lambda: [job.status for job in list_jobs()] == [JobStatus.RUNNING])
    while watching.acquire(blocking=False):
        pass
    api.asked.clear()

    change_containers(api, state={"waiting": {"reason": "CrashLoopBackOff"}}, lastState=END)

    assert watching.acquire(timeout=1)
    wait_until(lambda: list_jobs()[0].status == JobStatus.ERROR, seconds=1)
    assert [one.path.rpartition("/")[2] for one in api.asked] == ["log"]


def test_a_sync_of_many_jobs_takes_few_calls_also_when_all_fail(
    serve, make_spec, list_jobs, api, watching
):
    for number in range(60):
        serve(make_spec(manifest=a_contract_manifest(name=f"job-{number}")))
    change_containers(api, state={"waiting": {"reason": "CrashLoopBackOff"}}, lastState=END)
    for pod in api.list_of("pods"):
        api.logs[pod["metadata"]["name"]] = "2026-01-02T03:04:05Z why\n"
    wait_until(lambda: sum(job.status == JobStatus.ERROR for job in list_jobs()) == 60)

    told = -1
    while told < 60:
        api.asked.clear()
        jobs = list_jobs()
        assert {job.status for job in jobs} == {JobStatus.ERROR}
        assert all("exit code 3" in job.error for job in jobs)
        assert len(api.asked) <= 10
        told, before = sum("why" in job.error for job in jobs), told
        assert told > before

    api.asked.clear()
    list_jobs()
    assert api.asked == []


def test_the_pods_of_an_instance_that_the_copy_lacks_are_asked_for_once(
    serve, make_spec, list_jobs, api, watching, pods
):
    wait_until(lambda: list_jobs() == [])
    api.is_silent = True
    serve(make_spec())
    api.asked.clear()

    assert [job.status for job in list_jobs()] == [JobStatus.RUNNING]
    assert len(api.asked) == 1

    (pod,) = api.list_of("pods")
    api.remove("pods", pod["metadata"]["name"])
    api.asked.clear()
    assert [list_jobs() for _ in range(3)] == [[], [], []]
    assert len(api.asked) == 1


def test_while_the_cluster_is_away_no_job_is_lost_and_afterwards_all_are_watched_again(
    serve, make_spec, list_jobs, api, watching
):
    serve(make_spec())
    wait_until(lambda: len(list_jobs()) == 1)

    api.is_away = True
    wait_until(lambda: raises_unavailable(list_jobs))
    api.is_away = False
    (pod,) = api.list_of("pods")
    api.remove("pods", pod["metadata"]["name"])

    wait_until(lambda: not raises_unavailable(list_jobs) and list_jobs() == [])


def raises_unavailable(action):
    try:
        action()
    except ClusterUnavailable:
        return True
    return False


def test_a_fault_that_the_cluster_does_not_explain_is_told_without_evidence(
    serve, make_spec, list_jobs, api
):
    serve(make_spec())
    change_containers(api, state={"waiting": {"reason": "CrashLoopBackOff"}}, lastState=END)
    api.refusals["GET", "pods/log"] = (500, "dial tcp: no route to the node")

    (job,) = list_jobs()
    assert job.error == "the job ended by itself (exit code 3)"
