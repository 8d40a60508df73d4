"""The nodes that may run a pod, and the GPUs on them: the wishes of the manifest within the settings of the platform."""

from typing import Any

from racetrack_client.manifest import Manifest
from racetrack_client.manifest.manifest import ResourcesManifest

from lifecycle.config import Config
from lifecycle.deployer.instances import InstanceNotStarted


def place_pod(manifest: Manifest, config: Config) -> dict[str, Any]:
    """Return the fields of a pod that choose its node, without the empty ones.

    Raise InstanceNotStarted when the manifest asks for nodes that the platform does not give to it.
    """
    wanted = manifest.resources or ResourcesManifest()
    fields = {
        "priorityClassName": config.kubernetes_priority_class,
        "nodeSelector": _choose_labels(wanted, config),
        "tolerations": [_make_toleration(taint) for taint in _choose_taints(wanted, config)],
    }
    return {name: value for name, value in fields.items() if value}


def count_gpus(manifest: Manifest, config: Config) -> dict[str, str]:
    """Return the GPUs of a replica as a resource of its nodes; an empty map when it wants none."""
    if manifest.resources is None or manifest.resources.gpu is None:
        return {}
    return {config.kubernetes_gpu_resource: str(manifest.resources.gpu)}


def _choose_labels(wanted: ResourcesManifest, config: Config) -> dict[str, str]:
    """Return the labels that a node must have; those of the platform are for all jobs."""
    of_platform = dict(label.split("=", 1) for label in config.kubernetes_node_selector)
    for name, value in (wanted.node_selector or {}).items():
        if of_platform.get(name, value) != value:
            raise InstanceNotStarted(
                f"resources.node_selector asks for nodes with {name}={value}, but all jobs of this platform run"
                f" on nodes with {name}={of_platform[name]}"
            )
    return of_platform | (wanted.node_selector or {})


def _choose_taints(wanted: ResourcesManifest, config: Config) -> list[str]:
    permitted = {*config.kubernetes_permitted_tolerations, *config.kubernetes_tolerations}
    for taint in wanted.tolerations or ():
        if taint not in permitted:
            raise InstanceNotStarted(
                f"resources.tolerations names {taint}, which this platform does not permit"
                f" (KUBERNETES_PERMITTED_TOLERATIONS: {', '.join(sorted(permitted)) or 'none'})"
            )
    return list(dict.fromkeys([*config.kubernetes_tolerations, *(wanted.tolerations or ())]))


def _make_toleration(taint: str) -> dict[str, str]:
    name, _, effect = taint.rpartition(":")
    key, is_valued, value = name.partition("=")
    match = {"operator": "Equal", "value": value} if is_valued else {"operator": "Exists"}
    return {"key": key, "effect": effect, **match}
