import pytest
from lifecycle.config import Config
from lifecycle.deployer.secrets import JobSecrets
from lifecycle.domain.instance import InstanceState
from lifecycle.infrastructure.answer_watch import AnswerWatch
from lifecycle.infrastructure.docker.deployer import DockerDeployer
from lifecycle.infrastructure.docker.diagnosis import Diagnostician
from lifecycle.infrastructure.docker.engine_client import DockerEngine
from lifecycle.infrastructure.docker.engine_connection import EngineUnavailable
from lifecycle.infrastructure.docker.monitor import DockerMonitor
from lifecycle.infrastructure.model import InfrastructureTarget
from lifecycle.infrastructure.registry import InfrastructureRegistry
from lifecycle.infrastructure.revival_failures import RevivalFailure, RevivalFailures
from lifecycle.job.sync import sync_jobs
from lifecycle.testing.deployer_contract import NAME, VERSION, a_contract_manifest
from racetrack_commons.clock import Clock
from racetrack_commons.entities.dto import JobStatus
from racetrack_commons.testing.serving import wait_until

pytestmark = pytest.mark.docker


@pytest.fixture
def observe(monitor):
    """Shows the one job there is; None when there is none."""

    def observe():
        jobs = list(monitor.list_jobs(Config()))
        assert len(jobs) <= 1
        return jobs[0] if jobs else None

    return observe


def test_a_serving_job_runs_at_the_addresses_of_its_replicas(observe, serve, make_spec):
    job = serve(make_spec(manifest=a_contract_manifest(replicas=2)))

    seen = observe()

    assert (seen.name, seen.version, seen.infrastructure_target) == (NAME, VERSION, "docker")
    assert (seen.status, seen.error, seen.notice) == (JobStatus.RUNNING, None, None)
    assert seen.internal_name == job.internal_name
    assert seen.replica_internal_names == job.replica_internal_names
    assert seen.infrastructure_stats["number_of_restarts"] == 0
    memory = seen.infrastructure_stats
    assert 1_000_000 < memory["memory_bytes"] <= memory["memory_peak_bytes"]
    assert memory["memory_peak_bytes"] < memory["memory_limit_bytes"] == 2 * 2**30


def test_a_job_that_crashed_and_came_back_says_why(observe, serve, make_spec, ask, deployer):
    job = serve(make_spec())
    ask(job.internal_name, "/end?3")
    wait_until(lambda: ask(job.internal_name))

    def seen_again():
        return observe().status == JobStatus.RUNNING

    wait_until(seen_again)
    seen = observe()
    assert seen.infrastructure_stats["number_of_restarts"] == 1
    assert (
        seen.notice
        == "the job was started again 1 times; the last time it ended by itself (exit code 3)"
    )


def test_a_job_that_was_killed_for_its_memory_says_so_after_the_restart_too(
    observe, serve, make_spec, ask
):
    job = serve(make_spec(manifest=a_contract_manifest(resources={"memory_max": "64Mi"})))
    ask(job.internal_name, "/eat?200000000")
    wait_until(lambda: ask(job.internal_name))

    wait_until(lambda: observe().notice)
    assert "more memory than it may (out of memory: limit 64.0 MiB)" in observe().notice


def test_a_crash_loop_is_an_error_with_its_cause_and_the_last_words(
    observe, serve, make_spec, containers_of, deployer
):
    deployer.save_job_secrets(NAME, VERSION, JobSecrets(None, {}, {"WORD": "missing"}))
    spec = make_spec(end_with=3)
    serve(spec, wait=False)
    # It may have ended before the engine was told to start it again.
    deployer.engine.start_container(containers_of(spec.instance_id)[0].id)

    wait_until(lambda: observe().infrastructure_stats["number_of_restarts"] >= 2)

    seen = observe()
    assert seen.status == JobStatus.ERROR
    assert "the job ended by itself (exit code 3); it was started again" in seen.error
    assert "Its last log lines:\nmodel is ***" in seen.error


def test_a_missing_replica_is_an_error_and_gets_no_calls(
    observe, serve, make_spec, containers_of, deployer
):
    spec = make_spec(manifest=a_contract_manifest(replicas=2))
    job = serve(spec)
    deployer.engine.remove_container(containers_of(spec.instance_id)[0].id)

    seen = observe()

    assert (seen.status, seen.error) == (
        JobStatus.ERROR,
        "1 of 2 containers of the job are missing",
    )
    assert seen.internal_name == job.replica_internal_names[1]
    assert seen.replica_internal_names == job.replica_internal_names[1:]


def test_a_job_whose_containers_were_removed_is_lost(
    monitor, observe, serve, make_spec, containers_of, deployer, failures, unit_of_work
):
    spec = make_spec()
    serve(spec)
    deployer.engine.remove_container(containers_of(spec.instance_id)[0].id)
    assert observe() is None

    failures.of_instances[spec.instance_id] = RevivalFailure("its image is gone", 1, 0)
    registry = InfrastructureRegistry({"docker": InfrastructureTarget(job_monitor=monitor)})
    sync_jobs(unit_of_work, registry, Config())

    with unit_of_work.reading() as uow:
        job = uow.jobs.get(NAME, VERSION)
    assert (job.status, job.error) == (
        JobStatus.LOST,
        "the job's containers are gone, and can't be made again: its image is gone",
    )


def test_instances_that_start_or_drain_are_not_shown(observe, deployer, make_spec, save_instance):
    for state in (InstanceState.STARTING, InstanceState.DRAINING):
        save_instance(deployer.start_instance(make_spec()), state)

    assert observe() is None


def test_containers_of_an_unknown_job_are_orphaned(observe, deployer, make_spec):
    instance = deployer.start_instance(make_spec())

    seen = observe()

    assert (seen.name, seen.version, seen.status) == (NAME, VERSION, JobStatus.ORPHANED)
    assert seen.internal_name == instance.internal_name


def test_containers_of_another_platform_are_none_of_our_business(
    observe, deployer, make_spec, docker_config
):
    deployer.start_instance(make_spec())
    own_name, docker_config.platform_name = docker_config.platform_name, "another"

    assert observe() is None
    docker_config.platform_name = own_name


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_engine_that_is_away_leaves_jobs_as_they_were(
    deployer, unit_of_work, serve, make_spec, connection_to_no_engine
):
    before = serve(make_spec())
    engine = DockerEngine(connection_to_no_engine, Clock(), wait_seconds=0)
    away = DockerDeployer(deployer.config, deployer.uow, deployer.secrets, engine, Clock())
    monitor = DockerMonitor(away, Diagnostician(away, Clock()), RevivalFailures(), AnswerWatch())
    registry = InfrastructureRegistry({"docker": InfrastructureTarget(job_monitor=monitor)})

    with pytest.raises(EngineUnavailable):
        monitor.list_jobs(Config())
    sync_jobs(unit_of_work, registry, Config())

    with unit_of_work.reading() as uow:
        assert uow.jobs.get(NAME, VERSION) == before


def test_the_condition_of_a_job_is_waited_for(monitor, serve, make_spec):
    job = serve(make_spec(), wait=False)
    alive = []

    monitor.check_job_condition(job, 1_770_000_000, lambda: alive.append(True))

    assert alive == [True]
