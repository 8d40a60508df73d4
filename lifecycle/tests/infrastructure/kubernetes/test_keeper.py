from datetime import UTC, datetime

import pytest
from lifecycle.infrastructure.kubernetes.keeper import (
    KEEP_SECONDS,
    LEFTOVERS_SECONDS,
    KubernetesKeeper,
)
from lifecycle.testing.deployer_contract import a_contract_manifest
from racetrack_commons.clock import Clock
from racetrack_commons.entities.dto import JobStatus
from racetrack_commons.testing.builders import a_deployment
from racetrack_commons.testing.clock import FakeClock


def remove_all(api, *kinds):
    for kind, name in list(api.objects):
        if kind in kinds and (kind, name) in api.objects:
            api.remove(kind, name)


def names_of(api, kind):
    return [one["metadata"]["name"] for one in api.list_of(kind)]


def test_a_deployment_that_was_removed_comes_back(serve, make_spec, keeper, api):
    serve(make_spec(manifest=a_contract_manifest(replicas=2)))
    before = names_of(api, "deployments")
    remove_all(api, "deployments", "pods")

    keeper.keep_deployments()

    assert names_of(api, "deployments") == before
    assert len(api.list_of("pods")) == 2


def test_one_of_several_replicas_comes_back_too(serve, make_spec, keeper, api):
    serve(make_spec(manifest=a_contract_manifest(replicas=2)))
    for kind, name in [key for key in api.objects if key[1].endswith(("-r1", "-r1-x"))]:
        if kind != "services":
            api.remove(kind, name)

    keeper.keep_deployments()

    assert len(api.list_of("pods")) == 2


def test_an_instance_whose_pods_the_cluster_makes_is_left_to_it(serve, make_spec, keeper, api):
    serve(make_spec())
    remove_all(api, "pods")
    keeper.keep_deployments()
    api.asked.clear()

    keeper.keep_deployments()

    assert [one.path.rpartition("/")[2] for one in api.asked] == ["pods"]


def test_a_service_and_the_secret_come_back(serve, make_spec, keeper, api):
    serve(make_spec())
    remove_all(api, "services")
    assert api.list_of("secrets") == []

    keeper.keep_services()

    assert len(api.list_of("services")) == len(api.list_of("secrets")) == 1


def test_whole_instances_are_left_alone(serve, make_spec, keeper, api):
    serve(make_spec())
    api.asked.clear()

    keeper.keep_deployments()
    keeper.keep_services()
    keeper.remove_leftovers()

    assert {one.method for one in api.asked} == {"GET"}


def test_what_can_not_be_brought_back_says_why_and_is_tried_again_later(
    serve, make_spec, keeper, api, monitor, cluster_config
):
    serve(make_spec())
    remove_all(api, "deployments", "pods")
    api.refusals["PATCH", "deployments"] = (403, "exceeded quota: small")

    keeper.keep_deployments()
    api.asked.clear()
    keeper.keep_deployments()

    assert not [one for one in api.asked if one.method == "PATCH"]
    (job,) = monitor.list_jobs(cluster_config)
    assert job.status == JobStatus.LOST
    assert "can't be made again: the cluster refuses the job: exceeded quota: small" in job.error
    assert api.list_of("services"), "what is left of a serving instance stays"


def test_while_the_cluster_is_away_nothing_is_done(serve, make_spec, keeper, api, pods):
    serve(make_spec())
    pods.start(lambda: None)
    pods.list_pods()
    api.is_away = True

    keeper.keep_deployments()


@pytest.fixture
def late_keeper(deployer, pods, failures):
    return KubernetesKeeper(deployer, pods, failures, FakeClock(datetime(2030, 1, 1, tzinfo=UTC)))


def test_objects_of_ended_deployments_are_removed(
    deployer, make_spec, late_keeper, api, unit_of_work
):
    instance = deployer.start_instance(make_spec())
    with unit_of_work() as uow:
        uow.deployments.add(a_deployment(instance.instance_id), Clock().now())
    remove_all(api, "deployments", "pods")

    late_keeper.remove_leftovers()

    assert api.objects == {}


def test_objects_of_serving_instances_and_of_other_platforms_stay(
    serve, deployer, make_spec, late_keeper, api
):
    serve(make_spec())
    deployer.start_instance(make_spec())

    late_keeper.remove_leftovers()

    assert len(api.list_of("services")) == 2


def test_a_young_instance_has_time_to_get_its_row(deployer, make_spec, keeper, api, unit_of_work):
    instance = deployer.start_instance(make_spec())
    (service,) = api.list_of("services")
    service["metadata"]["creationTimestamp"] = datetime.now(UTC).isoformat()
    with unit_of_work() as uow:
        uow.deployments.add(a_deployment(instance.instance_id), Clock().now())

    keeper.remove_leftovers()

    assert api.list_of("services")


def test_an_instance_that_was_stopped_meanwhile_is_not_brought_back(
    serve, make_spec, keeper, api, deployer, unit_of_work
):
    serve(make_spec())
    (instance,) = deployer.list_instances()
    remove_all(api, "deployments", "pods")
    with unit_of_work() as uow:
        uow.instance_specs.remove(instance.instance_id)

    keeper.keep_deployments()

    assert api.list_of("deployments") == []


def test_the_end_of_the_platform_ends_all_jobs_which_come_back_with_it(
    serve, make_spec, keeper, api
):
    job = serve(make_spec())

    keeper.stop_all()

    assert api.list_of("pods") == api.list_of("deployments") == []
    assert len(api.list_of("services")) == len(api.list_of("secrets")) == 1

    keeper.keep_deployments()

    assert len(api.list_of("pods")) == 1
    assert job.internal_name.startswith(api.list_of("services")[0]["metadata"]["name"])


def test_the_tasks_run_often_enough(keeper):
    seconds = {task.name: task.interval_seconds for task in keeper.list_tasks()}
    assert seconds == {
        "keep-deployments": KEEP_SECONDS,
        "keep-services": LEFTOVERS_SECONDS,
        "remove-leftover-objects": LEFTOVERS_SECONDS,
    }
