"""The target on a real cluster, which nothing about Kubernetes can be taken on trust without."""

import secrets

import pytest
from lifecycle.config import Config
from lifecycle.deployer.instances import JobCrashed
from lifecycle.testing.deployer_contract import (
    DeployerHarness,
    InstanceDeployerContract,
    a_contract_manifest,
    wait_for_crash,
)
from lifecycle.testing.tiny_job import build_tiny_image
from pydantic import SecretStr
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
