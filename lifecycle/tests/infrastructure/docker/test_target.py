"""Deployments onto the target docker, from the request to the serving container."""

import base64
import gzip
import threading

import httpx
import pytest
from lifecycle.deployment.wiring import create_deployments
from lifecycle.domain.secrets import SecretBox
from lifecycle.infrastructure.docker.target import make_target
from lifecycle.infrastructure.registry import InfrastructureRegistry
from lifecycle.job.sync import sync_jobs
from lifecycle.testing.deployer_contract import NAME, VERSION
from lifecycle.testing.fakes import FakeImageBuilder
from lifecycle.testing.platform import a_core, add_deployer
from lifecycle.testing.tiny_job import run_docker
from racetrack_commons.clock import Clock
from racetrack_commons.entities.dto import JobStatus
from racetrack_commons.testing.builders import a_deploy_payload, a_manifest_dict
from racetrack_commons.testing.serving import wait_until

pytestmark = pytest.mark.docker


@pytest.fixture
def target(docker_config, unit_of_work):
    secret_box = SecretBox(docker_config.secret_key)
    target = make_target(docker_config, unit_of_work, secret_box, Clock())
    yield target
    target.job_deployer.engine._connection.close()


@pytest.fixture
def infrastructure(target):
    return InfrastructureRegistry({"docker": target})


@pytest.fixture
def builder(tiny_image):
    builder = FakeImageBuilder()
    builder.image_names = [tiny_image]
    return builder


@pytest.fixture
def services(docker_config, unit_of_work, infrastructure, builder):
    docker_config.drain_seconds = 0.3
    core = a_core(docker_config, unit_of_work, infrastructure, builder, Clock())
    services = create_deployments(core)
    yield services
    services.stop()


@pytest.fixture
def subject(unit_of_work):
    return add_deployer(unit_of_work)


@pytest.fixture
def deploy(services, subject, unit_of_work):
    """Deploys the tiny job; its variables say how it goes wrong. Returns the error, if there is one."""

    def deploy(**variables) -> str | None:
        runtime_env = {name.upper(): str(value) for name, value in variables.items()}
        manifest = a_manifest_dict(NAME, VERSION, runtime_env=runtime_env, smoke_test=False)
        context = base64.b64encode(gzip.compress(b"tar")).decode()
        payload = a_deploy_payload(manifest, force=True, build_context=context)
        deployment_id = services.submitter.deploy(payload, subject)
        services.worker.run_pending()
        with unit_of_work.reading() as uow:
            return uow.deployments.get(deployment_id).error

    return deploy


@pytest.fixture
def get_job(unit_of_work):
    def get_job():
        with unit_of_work.reading() as uow:
            return uow.jobs.get(NAME, VERSION)

    return get_job


@pytest.fixture
def calls(get_job):
    """Calls the job at the address that the registry knows, all the time; gathers what fails."""
    stopping, failures, count = threading.Event(), [], [0]

    def call_all_the_time():
        with httpx.Client(trust_env=False) as http:
            while not stopping.is_set():
                try:
                    http.get(f"http://{get_job().internal_name}/live").raise_for_status()
                except httpx.HTTPError as error:
                    failures.append(error)
                count[0] += 1

    thread = threading.Thread(target=call_all_the_time)

    class Calls:
        start = thread.start

        def stop(self):
            stopping.set()
            thread.join()
            assert count[0] > 0
            return failures

    calls = Calls()
    yield calls
    stopping.set()


def test_a_new_instance_takes_over_without_a_failed_call(
    deploy, get_job, calls, services, target, ask
):
    assert deploy(colour="blue") is None
    calls.start()

    for colour in ("red", "green"):
        assert deploy(colour=colour) is None
        wait_until(lambda: services.reaper.run_once() == 1)

    assert calls.stop() == []
    job = get_job()
    assert (job.status, job.infrastructure_target) == (JobStatus.RUNNING, "docker")
    assert ask(job.internal_name, "/environment")["COLOUR"] == "green"
    assert len(target.job_deployer.list_instances()) == 1


def test_a_deployment_that_fails_leaves_the_old_instance_serving(deploy, get_job, ask, target):
    deploy(colour="blue")
    before = get_job()

    error = deploy(end_with=3)

    assert "the job ended by itself (exit code 3)" in error
    assert "model is missing" in error
    assert get_job() == before
    assert ask(before.internal_name)
    assert len(target.job_deployer.list_instances()) == 1


def test_a_job_that_was_removed_is_lost_until_it_is_brought_back(
    deploy, get_job, target, infrastructure, docker_config, unit_of_work
):
    deploy()
    (container,) = target.job_deployer.list_containers({})
    run_docker("rm", "--force", container.id)

    sync_jobs(unit_of_work, infrastructure, docker_config)
    assert get_job().status == JobStatus.LOST
    target.keeper.keep()

    def is_running():
        sync_jobs(unit_of_work, infrastructure, docker_config)
        return get_job().status == JobStatus.RUNNING

    wait_until(is_running)


def test_a_lost_job_can_be_reconciled(deploy, get_job, services, target, ask, unit_of_work):
    deploy(colour="blue")
    (container,) = target.job_deployer.list_containers({})
    run_docker("rm", "--force", container.id)
    with unit_of_work() as uow:
        uow.jobs.save(get_job().model_copy(update={"status": JobStatus.LOST}))

    services.existing_jobs.reconcile()
    services.worker.run_pending()

    assert get_job().status == JobStatus.RUNNING
    assert ask(get_job().internal_name, "/environment")["COLOUR"] == "blue"


def test_a_removed_image_is_built_again(
    deploy, get_job, builder, services, subject, tiny_image, docker_config
):
    image = f"{docker_config.platform_name}/{NAME}:1"
    builder.image_names = [image]
    builder.interrupt = lambda: run_docker("tag", tiny_image, image)
    try:
        deploy()
        run_docker("rmi", image)
        services.existing_jobs.reprovision(get_job(), subject)
        services.worker.run_pending()
    finally:
        run_docker("rmi", image)

    assert get_job().status == JobStatus.RUNNING
    assert len(builder.payloads) == 2
