"""The memory and CPU of a job: what its manifest asks for, within the limits of the platform."""

import math
from dataclasses import dataclass

from racetrack_client.manifest import Manifest
from racetrack_client.manifest.manifest import ResourcesManifest
from racetrack_client.utils.quantity import Quantity

from lifecycle.config import Config
from lifecycle.deployer.instances import InstanceNotStarted

MIN_SHARE_OF_MAX = 4
"""The promised memory is at least the maximum divided by this, which bounds how much a machine is overbooked."""

_THREAD_VARIABLES = (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "RAYON_NUM_THREADS",
)

_LEAST_SHARED_MEMORY = Quantity("64Mi")
"""The default of Docker engines."""


@dataclass(frozen=True)
class JobResources:
    """Memory in bytes, CPU in cores: promised (`min`) and allowed at most (`max`)."""

    memory_min: Quantity
    memory_max: Quantity
    cpu_min: Quantity
    cpu_max: Quantity
    shm_size: Quantity
    """Shared memory, which counts as part of `memory_max` where it is used."""


@dataclass(frozen=True)
class _Range:
    """The defaults of one resource, for manifests that do not mention it."""

    name: str
    default_min: Quantity
    default_max: Quantity


def compute_resources(manifest: Manifest, config: Config) -> JobResources:
    """Return the resources of a job, with defaults; raise InstanceNotStarted when it asks for zero or too much."""
    wanted = manifest.resources or ResourcesManifest()
    memory_min, memory_max = _compute_range(
        wanted.memory_min,
        wanted.memory_max,
        _Range("memory", config.default_job_memory_min, config.default_job_memory_max),
    )
    cpu_min, cpu_max = _compute_range(
        wanted.cpu_min,
        wanted.cpu_max,
        _Range("cpu", config.default_job_cpu_min, config.default_job_cpu_max),
    )
    if memory_max > config.max_job_memory_limit:
        raise InstanceNotStarted(
            f"resources.memory_max {memory_max} is more than this platform allows: {config.max_job_memory_limit}"
        )
    share = memory_max / MIN_SHARE_OF_MAX
    shared = _compute_shared_memory(wanted.shm_size, memory_max)
    return JobResources(max(memory_min, share), memory_max, cpu_min, cpu_max, shared)


def _compute_shared_memory(wanted: Quantity | None, memory_max: Quantity) -> Quantity:
    """Return the size of `/dev/shm`: half of the memory, as Linux gives it to whole machines, unless a job wants another."""
    if wanted is None:
        return max(memory_max / 2, _LEAST_SHARED_MEMORY)
    if wanted > memory_max:
        raise InstanceNotStarted(
            f"resources.shm_size {wanted} is more than resources.memory_max {memory_max}, which includes it"
        )
    return wanted


def list_wishes_for_clusters(manifest: Manifest, target: str) -> list[str]:
    """Return a warning for each key of `resources` that only the target `kubernetes` fulfils, in words for another target."""
    wanted = manifest.resources or ResourcesManifest()
    return [
        f"resources.{key} has no effect on the target {target}: only the target kubernetes has nodes to choose from"
        for key in ("gpu", "node_selector", "tolerations")
        if getattr(wanted, key)
    ]


def make_thread_ceilings(manifest: Manifest) -> dict[str, str]:
    """Return variables that keep libraries from starting more threads than the manifest's `cpu_max`; without it, none."""
    # These libraries start a thread, with its buffers, for each CPU of the machine: they ignore a quota. Arrow's own
    # allocators keep freed memory for each thread, the system's gives it back.
    if manifest.resources is None or manifest.resources.cpu_max is None:
        return {}
    threads = str(max(1, math.ceil(manifest.resources.cpu_max.plain_number)))
    return {
        **dict.fromkeys(_THREAD_VARIABLES, threads),
        "ARROW_DEFAULT_MEMORY_POOL": "system",
    }


def _compute_range(
    wanted_min: Quantity | None, wanted_max: Quantity | None, given: _Range
) -> tuple[Quantity, Quantity]:
    """Return minimum and maximum; a default yields to the other end, if the manifest sets that one.

    When the manifest sets both, its parser has checked that they fit.
    """
    at_least = given.default_min if wanted_min is None else wanted_min
    at_most = given.default_max if wanted_max is None else wanted_max
    if wanted_max is None:
        at_most = max(at_least, at_most)
    if wanted_min is None:
        at_least = min(at_least, at_most)
    if not at_least:
        raise InstanceNotStarted(f"resources.{given.name}_min must be more than 0")
    return at_least, at_most
