"""The identity of a job's objects: labels, by which Racetrack recognises its own, and names, by which people do."""

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from racetrack_commons.deploy.resource import job_resource_name

from lifecycle.domain.instance import InstanceSpec

_LONGEST = 63
"""Characters that a name in DNS, and the value of a label, may have."""
_ID_LENGTH = 8
_DIGEST_LENGTH = 8


class KubernetesLabel(StrEnum):
    """Labels of all objects of jobs, and of their pods."""

    MANAGED_BY = "app.kubernetes.io/managed-by"
    NAME = "app.kubernetes.io/name"
    """The name of the job's resources, without that of the instance."""
    RESOURCE = "racetrack/resource"
    PLATFORM = "racetrack/platform"
    JOB_NAME = "racetrack/job-name"
    JOB_VERSION = "racetrack/job-version"
    INSTANCE = "racetrack/instance"
    REPLICA = "racetrack/replica"


class KubernetesAnnotation(StrEnum):
    """Annotations that hold in full what does not fit into labels."""

    JOB_NAME = "racetrack/job-name"
    JOB_VERSION = "racetrack/job-version"
    REPLICAS = "racetrack/replicas"
    """The number of replicas of the whole instance."""


@dataclass(frozen=True)
class ReplicaIdentity:
    """One replica of an instance, as the labels and annotations of its objects name it."""

    job_name: str
    job_version: str
    instance_id: str
    replica: int
    replicas: int
    """The number of replicas of the whole instance."""

    @property
    def object_name(self) -> str:
        """The name of the replica's Deployment and Service, which no other instance has."""
        of_replica = f"-r{self.replica}" if self.replica else ""
        suffix = f"-{self.instance_id[:_ID_LENGTH]}{of_replica}"
        return _make_resource_name(self.job_name, self.job_version, len(suffix)) + suffix

    def make_labels(self, platform: str) -> dict[str, str]:
        """Return the labels of the replica's objects."""
        return {
            **make_job_labels(platform, self.job_name, self.job_version),
            KubernetesLabel.NAME: _make_resource_name(self.job_name, self.job_version),
            KubernetesLabel.INSTANCE: self.instance_id,
            KubernetesLabel.REPLICA: str(self.replica),
        }

    def make_annotations(self) -> dict[str, str]:
        """Return the annotations of the replica's objects."""
        return {
            KubernetesAnnotation.JOB_NAME: self.job_name,
            KubernetesAnnotation.JOB_VERSION: self.job_version,
            KubernetesAnnotation.REPLICAS: str(self.replicas),
        }


def list_replicas(spec: InstanceSpec) -> list[ReplicaIdentity]:
    """List the replicas of an instance that is to be started."""
    manifest = spec.manifest
    return [
        ReplicaIdentity(
            manifest.name, manifest.version, spec.instance_id, replica, manifest.replicas
        )
        for replica in range(manifest.replicas)
    ]


def find_identity(found: dict[str, Any]) -> ReplicaIdentity | None:
    """Return the replica that an object of the cluster belongs to; None when its labels are damaged."""
    metadata = found["metadata"]
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    try:
        return ReplicaIdentity(
            job_name=annotations[KubernetesAnnotation.JOB_NAME],
            job_version=annotations[KubernetesAnnotation.JOB_VERSION],
            instance_id=labels[KubernetesLabel.INSTANCE],
            replica=int(labels[KubernetesLabel.REPLICA]),
            replicas=int(annotations[KubernetesAnnotation.REPLICAS]),
        )
    except (KeyError, ValueError):
        return None


def make_platform_labels(platform: str) -> dict[str, str]:
    """Return the labels that all objects of a platform's jobs have in common."""
    return {
        KubernetesLabel.MANAGED_BY: "racetrack",
        KubernetesLabel.RESOURCE: "job",
        KubernetesLabel.PLATFORM: _make_label_value(platform),
    }


def make_job_labels(platform: str, job_name: str, job_version: str) -> dict[str, str]:
    """Return the labels that all objects of a job have in common."""
    return {
        **make_platform_labels(platform),
        KubernetesLabel.JOB_NAME: _make_label_value(job_name),
        KubernetesLabel.JOB_VERSION: _make_label_value(job_version),
    }


def make_instance_labels(platform: str, instance_id: str) -> dict[str, str]:
    """Return the labels that all objects of an instance have in common."""
    return {**make_platform_labels(platform), KubernetesLabel.INSTANCE: instance_id}


def _make_resource_name(job_name: str, job_version: str, reserved: int = 0) -> str:
    """Return the name of a job's resources for DNS, with `reserved` characters left over."""
    name = job_resource_name(job_name, job_version)
    return _shorten(re.sub(r"[^a-z0-9-]", "-", name.lower()), name, _LONGEST - reserved)


def _make_label_value(text: str) -> str:
    """Return a text as a label's value; a digest distinguishes those that had to be changed."""
    allowed = re.sub(r"[^A-Za-z0-9_.-]", "-", text).strip("-_.")
    return _shorten(allowed, text, _LONGEST, is_changed=allowed != text)


def _shorten(name: str, original: str, longest: int, is_changed: bool = False) -> str:
    if len(name) <= longest and not is_changed:
        return name
    digest = hashlib.sha256(original.encode()).hexdigest()[:_DIGEST_LENGTH]
    return f"{name[: longest - _DIGEST_LENGTH - 1].rstrip('-_.')}-{digest}".lstrip("-")
