import base64
import json

import pytest
from kubernetes.client import V1Deployment, V1Secret, V1Service
from lifecycle.deployer.instances import InstanceNotStarted
from lifecycle.infrastructure.kubernetes.workload import make_workload
from lifecycle.testing.deployer_contract import a_contract_manifest
from pydantic import ValidationError


@pytest.fixture
def make(cluster_config, make_spec):
    """Makes the objects of an instance of the tiny job."""

    def make(images=1, manifest=None, settings=(), **variables):
        config = type(cluster_config)(**cluster_config.model_dump() | dict(settings))
        return make_workload(make_spec(images=images, manifest=manifest, **variables), config)

    return make


def pod_of(workload):
    return workload.deployments[0]["spec"]["template"]["spec"]


def variables_of(workload):
    data = workload.secret["data"]
    return {name: base64.b64decode(value).decode() for name, value in data.items()}


def test_variables_are_in_the_secret_and_nowhere_else(make):
    workload = make(colour='"blue"\nand secret')

    assert variables_of(workload)["COLOUR"] == '"blue"\nand secret'
    assert variables_of(workload)["JOB_DEPLOYMENT_TIMESTAMP"] == "1770000000"
    (container,) = pod_of(workload)["containers"]
    assert container["envFrom"] == [{"secretRef": {"name": workload.secret["metadata"]["name"]}}]
    assert "secret" not in json.dumps([workload.services, workload.secret["metadata"]])
    assert "and secret" not in json.dumps(workload.deployments)
    assert "blue" not in repr(workload)


def test_a_pod_may_do_nothing_that_a_server_does_not_need(make):
    pod = pod_of(make())

    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["runAsUser"] == 100_000
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not pod["automountServiceAccountToken"]
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": False,
    }


def test_resources_become_requests_and_limits(make):
    manifest = a_contract_manifest(
        resources={"memory_min": "64Mi", "memory_max": "128Mi", "cpu_max": "2", "shm_size": "32Mi"}
    )
    pod = pod_of(make(manifest=manifest))

    assert pod["containers"][0]["resources"] == {
        "requests": {"memory": "64Mi", "cpu": "10m"},
        "limits": {"memory": "128Mi", "cpu": "2"},
    }
    assert pod["volumes"][0]["emptyDir"] == {"medium": "Memory", "sizeLimit": "32Mi"}


def test_the_cluster_knows_each_field(make):
    resources = {"gpu": 1, "node_selector": {"a": "b"}, "tolerations": ["spot:NoExecute"]}
    manifest = a_contract_manifest(replicas=2, resources=resources)
    settings = {
        "kubernetes_image_pull_secrets": ["registry"],
        "kubernetes_priority_class": "low",
        "kubernetes_permitted_tolerations": ["spot:NoExecute"],
    }
    workload = make(images=2, manifest=manifest, settings=settings)

    # The models of the client are made from the API's own description; they refuse unknown fields and wrong types.
    V1Secret.model_validate(workload.secret)
    for service in workload.services:
        V1Service.model_validate(service)
    for deployment in workload.deployments:
        V1Deployment.model_validate(deployment)


def test_each_replica_has_a_deployment_and_a_service_that_selects_its_pod(make):
    workload = make(manifest=a_contract_manifest(replicas=2))

    assert len(workload.services) == len(workload.deployments) == 2
    for service, deployment in zip(workload.services, workload.deployments, strict=True):
        assert service["metadata"]["name"] == deployment["metadata"]["name"]
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        assert service["spec"]["selector"] == deployment["spec"]["selector"]["matchLabels"]
        assert service["spec"]["selector"].items() <= labels.items()
    assert "podAntiAffinity" in pod_of(workload)["affinity"]


def test_the_containers_of_a_job_listen_at_ports_of_their_own(make):
    workload = make(images=2)
    main, other = pod_of(workload)["containers"]

    assert variables_of(workload)["JOB_USER_MODULE_HOSTNAME"] == "localhost"
    assert [each["ports"][0]["containerPort"] for each in (main, other)] == [7000, 7001]
    assert (main["name"], other["name"]) == ("job", "job-1")
    assert {"startupProbe", "livenessProbe", "readinessProbe"} <= main.keys()
    assert "livenessProbe" not in other


def test_settings_place_the_pods(make):
    settings = {
        "kubernetes_image_pull_secrets": ["registry"],
        "kubernetes_priority_class": "low",
        "kubernetes_node_selector": ["pool=jobs"],
        "kubernetes_tolerations": ["dedicated=jobs:NoSchedule", "spot:NoExecute"],
        "kubernetes_read_only_root": True,
        "kubernetes_job_user": 1000,
    }
    pod = pod_of(make(settings=settings))

    assert pod["imagePullSecrets"] == [{"name": "registry"}]
    assert pod["priorityClassName"] == "low"
    assert pod["nodeSelector"] == {"pool": "jobs"}
    assert pod["tolerations"] == [
        {"key": "dedicated", "operator": "Equal", "value": "jobs", "effect": "NoSchedule"},
        {"key": "spot", "operator": "Exists", "effect": "NoExecute"},
    ]
    assert pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"]
    assert pod["securityContext"]["runAsUser"] == 1000
    assert "imagePullSecrets" not in pod_of(make())


def test_gpus_are_for_the_container_that_answers_calls(make):
    manifest = a_contract_manifest(resources={"gpu": 2})
    main, other = pod_of(make(images=2, manifest=manifest))["containers"]

    assert main["resources"]["limits"]["nvidia.com/gpu"] == "2"
    assert main["resources"]["requests"]["nvidia.com/gpu"] == "2"
    assert set(other["resources"]["limits"]) == {"memory", "cpu"}
    settings = {"kubernetes_gpu_resource": "amd.com/gpu"}
    pod = pod_of(make(manifest=manifest, settings=settings))
    assert pod["containers"][0]["resources"]["limits"]["amd.com/gpu"] == "2"


def test_a_manifest_chooses_among_the_nodes_of_the_platform(make):
    manifest = a_contract_manifest(
        resources={
            "node_selector": {"disk": "fast", "pool": "jobs"},
            "tolerations": ["dedicated=gpu:NoSchedule", "spot:NoExecute"],
        }
    )
    settings = {
        "kubernetes_node_selector": ["pool=jobs"],
        "kubernetes_tolerations": ["spot:NoExecute"],
        "kubernetes_permitted_tolerations": ["dedicated=gpu:NoSchedule"],
    }
    pod = pod_of(make(manifest=manifest, settings=settings))

    assert pod["nodeSelector"] == {"disk": "fast", "pool": "jobs"}
    assert pod["tolerations"] == [
        {"key": "spot", "operator": "Exists", "effect": "NoExecute"},
        {"key": "dedicated", "operator": "Equal", "value": "gpu", "effect": "NoSchedule"},
    ]


@pytest.mark.parametrize(
    ("resources", "words"),
    [
        (
            {"node_selector": {"pool": "platform"}},
            "nodes with pool=platform, but all jobs of this platform run on nodes with pool=jobs",
        ),
        (
            {"tolerations": ["node-role.kubernetes.io/master:NoSchedule"]},
            r"does not permit \(KUBERNETES_PERMITTED_TOLERATIONS: spot:NoExecute\)",
        ),
    ],
    ids=["labels", "taints"],
)
def test_a_manifest_does_not_leave_the_nodes_of_the_platform(make, resources, words):
    settings = {
        "kubernetes_node_selector": ["pool=jobs"],
        "kubernetes_permitted_tolerations": ["spot:NoExecute"],
    }

    with pytest.raises(InstanceNotStarted, match=words):
        make(manifest=a_contract_manifest(resources=resources), settings=settings)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kubernetes_tolerations": ["dedicated"]},
        {"kubernetes_node_selector": ["pool"]},
        {"kubernetes_permitted_tolerations": ["dedicated"]},
        {"kubernetes_gpu_resource": "gpu"},
        {"kubernetes_job_user": 0},
        {"job_k8s_namespace": "Jobs/.."},
    ],
)
def test_settings_that_the_cluster_would_refuse_are_refused_at_the_start(make, wrong):
    with pytest.raises(ValidationError):
        make(settings=wrong)


def test_variables_of_the_platform_are_not_for_users(make):
    with pytest.raises(InstanceNotStarted, match="JOB_NAME"):
        make(job_name="other")
