"""The target on a real cluster, which nothing about Kubernetes can be taken on trust without."""

import json
import secrets
import threading

import pytest
from lifecycle.config import Config
from lifecycle.deployer.instances import InstanceNotStarted, JobCrashed
from lifecycle.infrastructure.kubernetes.logs_streamer import KubernetesLogsStreamer
from lifecycle.testing.deployer_contract import (
    DeployerHarness,
    InstanceDeployerContract,
    a_contract_manifest,
    wait_for_crash,
)
from lifecycle.testing.tiny_job import build_tiny_image
from pydantic import SecretStr
from racetrack_commons.entities.dto import JobStatus
from racetrack_commons.testing.serving import wait_until
from stacks.cluster import start_cluster

pytestmark = pytest.mark.kubernetes


@pytest.fixture(scope="session")
def local_cluster():
    with start_cluster() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def image(local_cluster, tmp_path_factory):
    with build_tiny_image(tmp_path_factory.mktemp("tiny-image")) as name:
        local_cluster.load_images(name)
        yield f"docker.io/library/{name}"


@pytest.fixture
def cluster_config(local_cluster):
    namespace = f"target-test-{secrets.token_hex(4)}"
    local_cluster.kubectl("create", "namespace", namespace)
    yield Config(
        platform_name=namespace,
        job_k8s_namespace=namespace,
        kubernetes_config=local_cluster.kubeconfig,
        kubernetes_cluster_ips=True,
        kubernetes_patience_seconds=0,
        internal_pub_url="http://pub/pub",
        default_job_memory_min="32Mi",
        default_job_memory_max="64Mi",
        auth_key=SecretStr("a key for tests, long enough for HS256"),
        secret_key=SecretStr("a secret key for tests"),
    )
    local_cluster.kubectl("delete", "namespace", namespace, "--wait=false")


class ClusterHarness(DeployerHarness):
    def __init__(self, deployer, make_spec, ask):
        self.deployer = deployer
        self.make_spec = make_spec
        self.ask = ask

    def a_spec(self, manifest):
        return self.make_spec(manifest=manifest)

    def a_broken_spec(self, manifest):
        return self.make_spec(manifest=manifest, end_with=3)

    def find_timestamp(self, address):
        answer = self.ask(address)
        return answer["deployment_timestamp"] if answer else None


class TestKubernetesDeployer(InstanceDeployerContract):
    @pytest.fixture
    def harness(self, deployer, make_spec, ask):
        return ClusterHarness(deployer, make_spec, ask)


def test_a_job_with_a_long_name_that_begins_with_a_digit_serves(deployer, make_spec, ask):
    manifest = a_contract_manifest(name="3d-" + "m" * 48)
    instance = deployer.start_instance(make_spec(manifest=manifest))

    wait_until(lambda: ask(instance.internal_name), seconds=30)
    assert deployer.list_instances() == [instance]


def has_crashed(deployer, spec):
    try:
        deployer.check_instance(spec.instance_id)
    except JobCrashed:
        return True
    return False


def test_a_missing_image_is_named_with_the_words_of_the_registry(deployer, make_spec):
    spec = make_spec()
    spec.image_names[0] = "127.0.0.1:1/racetrack/missing:1"
    deployer.start_instance(spec)

    # The cluster tries a second time before it says that the image is missing.
    wait_until(lambda: has_crashed(deployer, spec), seconds=60)
    told = wait_for_crash(deployer, spec.instance_id)
    assert "can't pull the job's image 127.0.0.1:1/racetrack/missing:1: " in told
    assert "connection refused" in told


def test_a_job_that_no_node_has_room_for_is_told_in_the_schedulers_words(deployer, make_spec):
    manifest = a_contract_manifest(resources={"cpu_min": "1000", "cpu_max": "1000"})
    spec = make_spec(manifest=manifest)
    deployer.start_instance(spec)

    assert "Insufficient cpu" in wait_for_crash(deployer, spec.instance_id)


def test_a_job_beyond_the_quota_is_told_so(deployer, make_spec, local_cluster, cluster_config):
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "small", "namespace": cluster_config.job_k8s_namespace},
        "spec": {"hard": {"limits.memory": "32Mi"}},
    }
    local_cluster.apply(quota)
    spec = make_spec()
    deployer.start_instance(spec)

    assert "exceeded quota: small" in wait_for_crash(deployer, spec.instance_id)


def test_a_job_that_uses_too_much_memory_is_told_so(deployer, make_spec, ask):
    instance = deployer.start_instance(make_spec())
    wait_until(lambda: ask(instance.internal_name), seconds=30)

    ask(instance.internal_name, f"/eat?{256 * 2**20}")

    told = wait_for_crash(deployer, instance.instance_id)
    assert "out of memory: limit 64.0 MiB" in told


def test_a_change_in_the_cluster_is_seen_within_a_second(
    serve, make_spec, monitor, cluster_config, ask, local_cluster
):
    changed = threading.Event()
    monitor.watch_jobs(changed.set)
    job = serve(make_spec())
    wait_until(lambda: status_of(monitor, cluster_config) == JobStatus.RUNNING, seconds=30)
    changed.clear()

    ask(job.internal_name, "/end?3")

    pods = ("--namespace", cluster_config.job_k8s_namespace, "get", "pods", "--output=json")
    wait_until(lambda: is_any_restarted(json.loads(local_cluster.kubectl(*pods))), seconds=30)
    assert changed.wait(1)
    assert count_restarts(monitor, cluster_config) == 1
    monitor.stop_watching()


def is_any_restarted(listing):
    statuses = [one for pod in listing["items"] for one in pod["status"]["containerStatuses"]]
    return any(one["restartCount"] for one in statuses)


def status_of(monitor, config):
    return next((job.status for job in monitor.list_jobs(config)), None)


def count_restarts(monitor, config):
    (job,) = monitor.list_jobs(config)
    return job.infrastructure_stats["number_of_restarts"]


def test_a_job_whose_objects_were_deleted_by_hand_comes_back(
    serve, make_spec, keeper, ask, local_cluster, cluster_config
):
    job = serve(make_spec(manifest=a_contract_manifest(replicas=2)))
    for address in job.replica_internal_names:
        wait_until(lambda address=address: ask(address), seconds=30)
    namespace = f"--namespace={cluster_config.job_k8s_namespace}"
    local_cluster.kubectl(namespace, "delete", "deployments", "--all", "--wait=true")

    wait_until(lambda: deployments_of(local_cluster, namespace) == 0)
    wait_until(lambda: keep(keeper, local_cluster, namespace) == 2, seconds=60)

    for address in job.replica_internal_names:
        wait_until(lambda address=address: ask(address), seconds=60)


def keep(keeper, local_cluster, namespace):
    keeper.keep_deployments()
    return deployments_of(local_cluster, namespace)


def deployments_of(local_cluster, namespace):
    return len(local_cluster.kubectl(namespace, "get", "deployments", "--output=name").split())


def test_nothing_is_left_of_a_job_that_the_cluster_refuses(
    deployer, make_spec, local_cluster, cluster_config
):
    namespace = f"--namespace={cluster_config.job_k8s_namespace}"
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "few", "namespace": cluster_config.job_k8s_namespace},
        "spec": {"hard": {"services": "1"}},
    }
    local_cluster.apply(quota)
    kinds = "deployments,services,pods"
    wait_until(lambda: "services" in local_cluster.kubectl(namespace, "describe", "quota"))

    with pytest.raises(InstanceNotStarted, match="exceeded quota: few"):
        deployer.start_instance(make_spec(manifest=a_contract_manifest(replicas=2)))

    assert local_cluster.kubectl(namespace, "get", kinds, "--output=name") == ""
    assert "opaque" not in local_cluster.kubectl(namespace, "get", "secrets").lower()


def test_the_secret_goes_with_the_first_service(deployer, make_spec, local_cluster, cluster_config):
    namespace = f"--namespace={cluster_config.job_k8s_namespace}"
    deployer.start_instance(make_spec())
    assert "Opaque" in local_cluster.kubectl(namespace, "get", "secrets")

    local_cluster.kubectl(namespace, "delete", "services", "--all")

    wait_until(
        lambda: "Opaque" not in local_cluster.kubectl(namespace, "get", "secrets"), seconds=60
    )


def test_lines_of_replicas_are_followed_across_a_crash(serve, make_spec, deployer, monitor, ask):
    job = serve(make_spec(manifest=a_contract_manifest(replicas=2), colour="blue"))
    for address in job.replica_internal_names:
        wait_until(lambda address=address: ask(address), seconds=30)
    lines, streamer = [], KubernetesLogsStreamer(deployer, monitor)
    names = {"job_name": job.name, "job_version": job.version}
    streamer.create_session("a", names, lambda _, line: lines.append(line))
    wait_until(lambda: sorted(lines) == ["r0 | serving blue", "r1 | serving blue"])

    ask(job.replica_internal_names[1], "/say?one")
    wait_until(lambda: lines[2:] == ["r1 | one"])
    ask(job.replica_internal_names[1], "/end?3")
    wait_until(lambda: lines[3:] == ["r1 | told to end", "r1 | serving blue"], seconds=60)
    ask(job.replica_internal_names[0], "/say?two")
    wait_until(lambda: lines[5:] == ["r0 | two"])

    streamer.close_session("a")
    wait_until(lambda: not [one for one in threading.enumerate() if "log" in one.name])
    recent = monitor.read_recent_logs(job)
    assert sorted(recent.splitlines()) == sorted(lines)
