from dataclasses import dataclass, replace

import pytest
from lifecycle.domain.instance import InstanceState
from lifecycle.infrastructure.answer_watch import FAILED_PROBES, AnswerWatch
from lifecycle.infrastructure.docker.identity import JobContainer
from lifecycle.infrastructure.docker.keeper import DockerKeeper
from lifecycle.testing.deployer_contract import a_contract_manifest
from lifecycle.testing.tiny_job import run_docker
from racetrack_commons.clock import Clock
from racetrack_commons.testing.builders import a_deployment
from racetrack_commons.testing.clock import FakeClock
from racetrack_commons.testing.serving import wait_until

pytestmark = pytest.mark.docker


@dataclass(frozen=True)
class ServingReplica:
    """The only replica of a serving instance."""

    instance_id: str
    address: str
    container: JobContainer


@pytest.fixture
def replica(serve, make_spec, containers_of):
    spec = make_spec()
    job = serve(spec)
    (container,) = containers_of(spec.instance_id)
    return ServingReplica(spec.instance_id, job.internal_name, container)


def test_a_container_that_was_removed_comes_back(
    keeper, serve, make_spec, containers_of, ask, deployer
):
    spec = make_spec(manifest=a_contract_manifest(replicas=2), colour="blue")
    serve(spec)
    first, second = containers_of(spec.instance_id)
    run_docker("rm", "--force", first.id)

    keeper.keep()

    again, same = containers_of(spec.instance_id)
    assert (again.id != first.id, same) == (True, second)
    wait_until(lambda: ask(again.address))
    assert ask(again.address, "/environment")["COLOUR"] == "blue"
    assert restart_policy(deployer, again) == "always"


@pytest.mark.parametrize("action", ["stop", "kill", "restart"])
def test_a_container_that_was_ended_by_hand_is_started(action, keeper, replica, containers_of, ask):
    run_docker(action, replica.container.id)

    def is_back():
        keeper.keep()
        return ask(replica.address)

    wait_until(is_back)
    assert [one.id for one in containers_of(replica.instance_id)] == [replica.container.id]


def test_a_container_that_crashed_is_left_to_the_engine(
    keeper, replica, containers_of, deployer, ask
):
    def restarts():
        ask(replica.address, "/end?3")
        keeper.keep()
        return deployer.engine.find_container(replica.container.id)["RestartCount"]

    wait_until(lambda: restarts() >= 3)
    assert [one.id for one in containers_of(replica.instance_id)] == [replica.container.id]


def test_all_that_was_stopped_with_the_platform_comes_back_with_it(
    keeper, deployer, replica, containers_of, ask
):
    assert restart_policy(deployer, replica.container) == "always"

    keeper.stop_all()
    # A restart of the engine brings nothing back that the platform does not know to run.
    assert restart_policy(deployer, replica.container) == "no"
    # The engine's list is a moment behind.
    wait_until(lambda: [one.state for one in containers_of(replica.instance_id)] == ["exited"])
    keeper.keep()

    wait_until(lambda: ask(replica.address))
    assert restart_policy(deployer, replica.container) == "always"


def test_what_drains_or_starts_is_left_to_its_deployment(
    keeper, deployer, make_spec, save_instance, containers_of
):
    for state in (InstanceState.DRAINING, InstanceState.STARTING):
        spec = make_spec()
        save_instance(deployer.start_instance(spec), state)
        deployer.engine.remove_container(containers_of(spec.instance_id)[0].id)
        keeper.keep()
        assert containers_of(spec.instance_id) == []


def test_an_instance_that_is_stopped_while_it_is_brought_back_does_not_stay(
    deployer, serve, make_spec, containers_of
):
    spec = make_spec()
    serve(spec)
    start = deployer.engine.start_container

    def start_and_be_overtaken(container_id):
        start(container_id)
        with deployer.uow() as uow:
            uow.instance_specs.remove(spec.instance_id)

    deployer.engine.remove_container(containers_of(spec.instance_id)[0].id)
    deployer.engine.start_container = start_and_be_overtaken
    deployer.revive_instance(spec.instance_id)

    assert containers_of(spec.instance_id) == []


def test_a_job_whose_image_is_gone_too_says_so_and_is_not_tried_all_the_time(
    deployer, serve, make_spec, containers_of, failures, tiny_image
):
    clock = FakeClock()
    keeper = DockerKeeper(deployer, failures, AnswerWatch(), clock)
    image = f"{tiny_image}-copy"
    run_docker("tag", tiny_image, image)
    spec = replace(make_spec(), image_names=[image])
    serve(spec)
    run_docker("rmi", image)
    deployer.engine.remove_container(containers_of(spec.instance_id)[0].id)

    keeper.keep()
    assert "redeploy the job to build it again" in failures.find_reason(spec.instance_id)

    run_docker("tag", tiny_image, image)
    keeper.keep()
    assert containers_of(spec.instance_id) == []
    clock.advance(60)
    keeper.keep()
    assert len(containers_of(spec.instance_id)) == 1
    assert failures.of_instances == {}
    run_docker("rmi", "--force", image)


def test_containers_of_an_ended_deployment_are_removed_and_those_of_strangers_stay(
    keeper, deployer, make_spec, containers_of, unit_of_work
):
    ended, strange, fresh = make_spec(), make_spec(), make_spec()
    for spec in (ended, strange, fresh):
        deployer.start_instance(spec)
    with unit_of_work() as uow:
        for spec in (ended, fresh):
            uow.deployments.add(a_deployment(spec.instance_id), Clock().now())

    DockerKeeper(deployer, keeper._failures, AnswerWatch(), Clock()).remove_leftovers()
    assert len(containers_of(fresh.instance_id)) == 1
    wait_until(lambda: removes(keeper, containers_of, ended))

    assert len(containers_of(strange.instance_id)) == 1


def removes(keeper, containers_of, spec):
    keeper.remove_leftovers()
    return not containers_of(spec.instance_id)


def restart_policy(deployer, container):
    return deployer.engine.find_container(container.id)["HostConfig"]["RestartPolicy"]["Name"]


def test_a_container_that_does_not_answer_any_more_is_started_again(
    keeper, replica, containers_of, ask, deployer
):
    keeper.watch_answers()
    ask(replica.address, "/deaf?closed")

    for _ in range(FAILED_PROBES):
        keeper.watch_answers()

    wait_until(lambda: ask(replica.address))
    assert [one.id for one in containers_of(replica.instance_id)] == [replica.container.id]
    assert restart_policy(deployer, replica.container) == "always"
    assert "did not answer 5 probes" in keeper._answers.find_notice(replica.instance_id)
