"""The objects of an instance as the cluster is to have them: a Secret, and a Deployment and a Service for each replica."""

import base64
import math
from dataclasses import dataclass, field
from typing import Any

from racetrack_client.client.run import JOB_INTERNAL_PORT

from lifecycle.config import Config
from lifecycle.deployer.resources import JobResources, compute_resources
from lifecycle.domain.instance import InstanceSpec
from lifecycle.infrastructure.built_in_deployer import make_platform_variables, merge_variables
from lifecycle.infrastructure.kubernetes.cluster import DEPLOYMENT, SECRET, SERVICE, ObjectKind
from lifecycle.infrastructure.kubernetes.identity import (
    ReplicaIdentity,
    list_replicas,
    make_instance_labels,
)
from lifecycle.infrastructure.kubernetes.placement import count_gpus, place_pod

MAIN_CONTAINER = "job"
"""The container that answers calls; the further ones are called `job-1` and so on."""
_LIVE, _READY = "/live", "/ready"
_SHARED_GROUP = 200_000
"""The group that may write to the volumes of a pod; the same as on clusters of earlier releases."""
_PROBE_TIMEOUT_SECONDS = 5


@dataclass(frozen=True)
class Workload:
    """The objects of one instance; `deployments` go to the cluster last, because pods read the Secret when they start."""

    secret: dict[str, Any] = field(repr=False)
    services: list[dict[str, Any]]
    deployments: list[dict[str, Any]]


def make_workload(spec: InstanceSpec, config: Config) -> Workload:
    """Make the objects; raise InstanceNotStarted when the manifest asks for too much, or for what is the platform's."""
    replicas = list_replicas(spec)
    secret = _make_secret(spec, replicas[0], config)
    pod = _make_pod(spec, config, secret["metadata"]["name"])
    return Workload(
        secret,
        [_make_service(replica, config) for replica in replicas],
        [_make_deployment(replica, pod, config) for replica in replicas],
    )


def own(wanted: dict[str, Any], owner: dict[str, Any]) -> dict[str, Any]:
    """Return an object so that the cluster removes it with its owner, which the cluster has already."""
    reference = {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
    }
    return wanted | {"metadata": wanted["metadata"] | {"ownerReferences": [reference]}}


def name_images(spec: InstanceSpec, config: Config) -> list[str]:
    """Return the images of an instance's containers, that of the container that answers calls first."""
    if spec.image_names:
        return spec.image_names
    return [config.image_registry.name_job_image(spec.manifest.name, spec.image_tag)]


def _make_secret(spec: InstanceSpec, first: ReplicaIdentity, config: Config) -> dict[str, Any]:
    """Make the Secret with all variables: those of users and plugins may be secret as well."""
    of_platform = make_platform_variables(spec, config)
    if len(name_images(spec, config)) > 1:
        of_platform["JOB_USER_MODULE_HOSTNAME"] = "localhost"
    variables = merge_variables(spec, of_platform)
    return {
        **_make_head(SECRET, first, config),
        "type": "Opaque",
        "data": {
            name: base64.b64encode(value.encode()).decode() for name, value in variables.items()
        },
    }


def _make_service(replica: ReplicaIdentity, config: Config) -> dict[str, Any]:
    return {
        **_make_head(SERVICE, replica, config),
        "spec": {
            "type": "ClusterIP",
            "selector": _select_replica(replica, config),
            "ports": [
                {
                    "name": "http",
                    "port": JOB_INTERNAL_PORT,
                    "targetPort": JOB_INTERNAL_PORT,
                    "protocol": "TCP",
                }
            ],
            # The platform asks jobs itself whether they are ready, and shows users what they answer until then.
            "publishNotReadyAddresses": True,
        },
    }


def _make_deployment(
    replica: ReplicaIdentity, pod: dict[str, Any], config: Config
) -> dict[str, Any]:
    labels = replica.make_labels(config.platform_name)
    longest_start = config.timeout_until_job_alive + config.timeout_until_job_ready
    return {
        **_make_head(DEPLOYMENT, replica, config),
        "spec": {
            "replicas": 1,
            "revisionHistoryLimit": 0,
            "progressDeadlineSeconds": longest_start,
            "selector": {"matchLabels": _select_replica(replica, config)},
            "template": {
                "metadata": {"labels": labels, "annotations": replica.make_annotations()},
                "spec": pod | _spread(replica, config),
            },
        },
    }


def _make_pod(spec: InstanceSpec, config: Config, secret_name: str) -> dict[str, Any]:
    resources, gpus = (
        compute_resources(spec.manifest, config),
        count_gpus(spec.manifest, config),
    )
    volumes: list[dict[str, Any]] = [
        {
            "name": "shared-memory",
            "emptyDir": {"medium": "Memory", "sizeLimit": str(resources.shm_size)},
        },
        {"name": "temporary", "emptyDir": {}},
    ]
    return {
        "containers": [
            _make_container(
                index, image, secret_name, _make_resources(resources, {} if index else gpus), config
            )
            for index, image in enumerate(name_images(spec, config))
        ],
        "volumes": volumes,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": config.kubernetes_job_user,
            "runAsGroup": config.kubernetes_job_user,
            "fsGroup": _SHARED_GROUP,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "automountServiceAccountToken": False,
        # A variable for each Service of the namespace would slow the start of jobs, and tell them of each other.
        "enableServiceLinks": False,
        # A pod that is evicted finishes its calls, as an instance does that is replaced.
        "terminationGracePeriodSeconds": max(1, math.ceil(spec.manifest.drain_seconds)),
        **place_pod(spec.manifest, config),
        **_name_pull_secrets(config),
    }


def _name_pull_secrets(config: Config) -> dict[str, list[dict[str, str]]]:
    names = [{"name": name} for name in config.kubernetes_image_pull_secrets]
    return {"imagePullSecrets": names} if names else {}


def _make_container(
    index: int, image: str, secret_name: str, resources: dict[str, Any], config: Config
) -> dict[str, Any]:
    port = JOB_INTERNAL_PORT + index
    container = {
        "name": MAIN_CONTAINER if index == 0 else f"{MAIN_CONTAINER}-{index}",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "ports": [{"containerPort": port, "protocol": "TCP"}],
        "envFrom": [{"secretRef": {"name": secret_name}}],
        "resources": resources,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": config.kubernetes_read_only_root,
        },
        "volumeMounts": [
            {"name": "shared-memory", "mountPath": "/dev/shm"},
            {"name": "temporary", "mountPath": "/tmp"},
        ],
    }
    return container | (_make_probes(port, config) if index == 0 else {})


def _make_resources(resources: JobResources, gpus: dict[str, str]) -> dict[str, dict[str, str]]:
    return {
        "requests": {"memory": str(resources.memory_min), "cpu": str(resources.cpu_min), **gpus},
        "limits": {"memory": str(resources.memory_max), "cpu": str(resources.cpu_max), **gpus},
    }


def _make_probes(port: int, config: Config) -> dict[str, dict[str, Any]]:
    """Make the probes: a job may start slowly, is then started again when it falls silent, and shown whether it is ready."""

    def ask(path: str, period_seconds: int, failures: int) -> dict[str, Any]:
        return {
            "httpGet": {"path": path, "port": port, "scheme": "HTTP"},
            "periodSeconds": period_seconds,
            "failureThreshold": failures,
            "timeoutSeconds": _PROBE_TIMEOUT_SECONDS,
        }

    return {
        "startupProbe": ask(_LIVE, 1, max(1, config.timeout_until_job_alive)),
        "livenessProbe": ask(_LIVE, 10, 6),
        "readinessProbe": ask(_READY, 5, 3),
    }


def _spread(replica: ReplicaIdentity, config: Config) -> dict[str, Any]:
    """Return the wish that the replicas of an instance run on different nodes, where the cluster has several."""
    if replica.replicas == 1:
        return {}
    labels = make_instance_labels(config.platform_name, replica.instance_id)
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": labels}}
    preferred = [{"weight": 100, "podAffinityTerm": term}]
    return {
        "affinity": {
            "podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}
        }
    }


def _select_replica(replica: ReplicaIdentity, config: Config) -> dict[str, str]:
    return replica.make_labels(config.platform_name)


def _make_head(kind: ObjectKind, replica: ReplicaIdentity, config: Config) -> dict[str, Any]:
    return {
        "apiVersion": kind.api_version,
        "kind": kind.name,
        "metadata": {
            "name": replica.object_name,
            "namespace": config.job_k8s_namespace,
            "labels": replica.make_labels(config.platform_name),
            "annotations": replica.make_annotations(),
        },
    }
