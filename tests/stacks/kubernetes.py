"""The platform in a cluster: what `make kube-up` sets up, in a namespace of its own."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from stacks.cluster import CLUSTER_SETUP, LocalCluster
from stacks.stack import BIN, ROOT, free_ports, run_command, start_command

PLATFORM = "app.kubernetes.io/part-of=racetrack"
_VOLUMES = {"plugins": (100000, 100000), "data-postgres-0": (100, 102)}
"""The claims that need a volume, and the owners of its files: this machine's PostgreSQL has other users than the public image."""


@dataclass(frozen=True)
class InstalledPlatform:
    """A platform in a namespace of the cluster of this machine."""

    cluster: LocalCluster
    environment: dict[str, str]

    @property
    def namespace(self) -> str:
        return self.environment["KUBE_NAMESPACE"]

    @property
    def install(self) -> Path:
        """What the clone knows of it."""
        return ROOT / "build/kubernetes" / self.namespace

    def control(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        command: list[str | Path] = [ROOT / "kustomize/stack", *arguments]
        done = run_command(command, self.environment, timeout_seconds=900)
        if check and done.returncode:
            raise AssertionError(
                f"kustomize/stack {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}"
            )
        return done

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return start_command([ROOT / "kustomize/stack", *arguments], self.environment)

    def racetrack(self, *arguments: str, stdin: str = "") -> str:
        done = subprocess.run(
            [BIN / "racetrack", *arguments],
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def kubectl(self, *arguments: str) -> str:
        return self.cluster.kubectl(f"--namespace={self.namespace}", *arguments)

    def pods(self) -> dict[str, dict[str, Any]]:
        """Return the services' pods that are not ending, by their names."""
        listed = json.loads(self.kubectl("get", "pods", f"--selector={PLATFORM}", "--output=json"))
        return {
            pod["metadata"]["name"]: pod
            for pod in listed["items"]
            if "deletionTimestamp" not in pod["metadata"]
        }

    def is_ready(self) -> bool:
        pods = self.pods()
        return bool(pods) and all(
            condition["status"] == "True"
            for pod in pods.values()
            for condition in pod["status"].get("conditions", [{"type": "Ready", "status": "False"}])
            if condition["type"] == "Ready"
        )


@contextmanager
def install_platform(cluster: LocalCluster, namespace: str) -> Iterator[InstalledPlatform]:
    """Set the platform up in a namespace with volumes of this machine, and remove it at the end."""
    folder = Path(tempfile.mkdtemp(prefix="rt-install-"))
    cluster.load_images("postgres:17")
    own = {
        "KUBECONFIG": str(cluster.kubeconfig),
        "KUBE_NAMESPACE": namespace,
        "KUBE_COMPONENTS": str(_write_component(folder, namespace)),
        "KUBE_BUILDKIT": "false",  # no registry of images is reached from here
        "KUBE_LOAD_IMAGES": f"{CLUSTER_SETUP} load",
        "RACETRACK_CONFIG": str(folder / "client.yaml"),
        "FORCE": "1",
    }
    ports = free_ports(("LIFECYCLE_PORT", "PUB_PORT", "DASHBOARD_PORT"))
    platform = InstalledPlatform(cluster, os.environ | ports | own)
    try:
        platform.control("up")
        yield platform
    finally:
        platform.control("clear", check=False)
        volumes = [_name_volume(namespace, claim) for claim in _VOLUMES]
        cluster.kubectl("delete", "persistentvolumes", "--ignore-not-found", *volumes)
        shutil.rmtree(folder)


def _write_component(folder: Path, namespace: str) -> Path:
    """Write what this cluster needs that others have: volumes, since it has no storage class."""
    volumes = []
    for claim, (user, group) in _VOLUMES.items():
        directory = folder / "volumes" / claim
        directory.mkdir(parents=True)
        os.chown(directory, user, group)
        volumes.append(
            {
                "apiVersion": "v1",
                "kind": "PersistentVolume",
                "metadata": {"name": _name_volume(namespace, claim)},
                "spec": {
                    "capacity": {"storage": "10Gi"},
                    "accessModes": ["ReadWriteOnce", "ReadWriteMany"],
                    "hostPath": {"path": str(directory)},
                    "claimRef": {"namespace": namespace, "name": claim},
                },
            }
        )
    user, group = _VOLUMES["data-postgres-0"]
    context = "/spec/template/spec/securityContext"
    own_user = [
        {"op": "replace", "path": f"{context}/runAsUser", "value": user},
        {"op": "replace", "path": f"{context}/runAsGroup", "value": group},
        {"op": "replace", "path": f"{context}/fsGroup", "value": group},
    ]
    component = folder / "component"
    component.mkdir()
    (component / "volumes.yaml").write_text(yaml.safe_dump_all(volumes))
    content = {
        "apiVersion": "kustomize.config.k8s.io/v1alpha1",
        "kind": "Component",
        "resources": ["volumes.yaml"],
        "patches": [
            {"target": {"kind": "StatefulSet", "name": "postgres"}, "patch": json.dumps(own_user)}
        ],
    }
    (component / "kustomization.yaml").write_text(yaml.safe_dump(content))
    return component


def _name_volume(namespace: str, claim: str) -> str:
    return f"{namespace}-{claim}"
