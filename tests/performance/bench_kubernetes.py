"""Measures how the Supervisor watches 5 000 jobs on a real API server; the pods are there, but run nowhere.

The cluster is that of KUBECONFIG. The pods are in a namespace of their own, which is removed at the end. No scheduler takes
them; this script writes their status, as a node would. The end is 1 when a bound is not kept.
"""

import argparse
import contextlib
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from kubernetes import client as sdk
from kubernetes import config as sdk_config
from lifecycle.app import prepare_database
from lifecycle.config import BuiltInTarget
from lifecycle.core import Core, create_core
from lifecycle.deployment.wiring import create_deployments
from lifecycle.domain.instance import InstanceSpec, InstanceState
from lifecycle.infrastructure.kubernetes.cluster import Cluster
from lifecycle.infrastructure.kubernetes.workload import make_workload
from lifecycle.testing.instances import an_instance
from lifecycle_supervisor.config import SupervisorConfig
from lifecycle_supervisor.periodic import PeriodicTask, TaskRunner
from lifecycle_supervisor.tasks import SupervisorTasks
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from racetrack_commons.entities.dto import JobStatus
from racetrack_commons.testing.builders import a_job, a_manifest

MOST_PASS_SECONDS = 2.0
MOST_CALLS = 10
MOST_SEEN_SECONDS = 1.0
PASSES = 10
CHANGES = 20
VERSIONS_OF_FAMILY = 20
WRITERS = 8
MOST_WAIT_SECONDS = 30
NO_SCHEDULER = "racetrack-bench"


@dataclass
class Namespace:
    """A namespace of the benchmark's own, with pods that no node runs."""

    name: str
    api: sdk.CoreV1Api
    pods: dict[str, str] = field(default_factory=dict)
    """The names of pods by the ids of their instances."""

    def put_pod(self, deployment: dict[str, Any], instance_id: str) -> None:
        """Make the pod of a Deployment, as its controller would, and say that it runs."""
        template = deployment["spec"]["template"]
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": template["metadata"] | {"name": deployment["metadata"]["name"]},
            "spec": template["spec"] | {"schedulerName": NO_SCHEDULER},
        }
        create: Any = self.api.create_namespaced_pod  # Its types allow no plain maps.
        create(self.name, pod, _preload_content=False)
        self.pods[instance_id] = deployment["metadata"]["name"]
        self.set_status(instance_id, {"running": {"startedAt": now()}}, is_ready=True)

    def set_status(self, instance_id: str, state: dict[str, Any], *, is_ready: bool) -> None:
        """Write the status of a pod, as its node would."""
        container = {
            "name": "job",
            "image": "adder:1",
            "imageID": "",
            "ready": is_ready,
            "restartCount": 0,
            "state": state,
        }
        conditions = [{"type": "Ready", "status": str(is_ready)}]
        status = {"phase": "Running", "conditions": conditions, "containerStatuses": [container]}
        body = {"status": status}
        name = self.pods[instance_id]
        self.api.patch_namespaced_pod_status(name, self.name, body, _preload_content=False)


@contextlib.contextmanager
def make_namespace() -> Iterator[Namespace]:
    """Make a namespace; remove it at the end with all that is in it."""
    load: Callable[[], None] = sdk_config.load_config
    load()
    api = sdk.CoreV1Api()
    name = f"racetrack-bench-{secrets.token_hex(4)}"
    create: Any = api.create_namespace  # Its types allow no plain maps.
    create({"metadata": {"name": name}}, _preload_content=False)
    try:
        wait_for(lambda: has_account(api, name), "the namespace's service account")
        yield Namespace(name, api)
    finally:
        api.delete_namespace(name, _preload_content=False)


def has_account(api: sdk.CoreV1Api, namespace: str) -> bool:
    """Return whether pods may be made in a new namespace."""
    try:
        api.read_namespaced_service_account("default", namespace, _preload_content=False)
    except sdk.ApiException:
        return False
    return True


def make_core(folder: Path, namespace: str) -> Core:
    """Make what the Supervisor works on, with a database of its own."""
    config = SupervisorConfig(
        db_type="sqlite",
        db_path=folder / "database.sqlite3",
        built_in_targets=(BuiltInTarget.KUBERNETES,),
        job_k8s_namespace=namespace,
        platform_name=namespace,
        plugins_dir=folder / "plugins",
        auth_key=SecretStr("a key of benchmarks, long enough for HS256"),
        secret_key=SecretStr("a secret key of benchmarks"),
    )
    prepare_database(config)
    return create_core(config)


def fill(core: Core, namespace: Namespace, jobs: int) -> list[str]:
    """Make jobs with serving instances, in the database and in the cluster; return the ids of instances."""
    specs = [make_spec(number) for number in range(jobs)]
    with core.unit_of_work() as uow:
        for spec in specs:
            name, version = spec.manifest.name, spec.manifest.version
            target = BuiltInTarget.KUBERNETES.value
            uow.jobs.save(a_job(name, version, infrastructure_target=target))
            row = an_instance(
                name,
                version,
                id=spec.instance_id,
                infrastructure_target=target,
                state=InstanceState.SERVING,
                internal_name=f"{name}:7000",
                replica_internal_names=[f"{name}:7000"],
            )
            uow.instances.save(row)

    def put(spec: InstanceSpec) -> None:
        (deployment,) = make_workload(spec, core.config).deployments
        namespace.put_pod(deployment, spec.instance_id)

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(put, specs))
    return [spec.instance_id for spec in specs]


def make_spec(number: int) -> InstanceSpec:
    """Return the spec of a job, one of several versions of its family."""
    family, version = divmod(number, VERSIONS_OF_FAMILY)
    manifest = a_manifest(f"family-{family:04}", f"1.{version}.0")
    return InstanceSpec(
        instance_id=str(uuid4()),
        manifest=manifest,
        image_tag="1",
        image_names=["adder:1"],
        deployment_timestamp=1,
    )


@dataclass
class CallCounter:
    """Counts the requests of all clients of the API server in this process."""

    calls: int = 0

    @contextlib.contextmanager
    def counting(self) -> Iterator[None]:
        """Count the calls within the block."""
        send = Cluster._send

        def counted(*arguments: Any, **options: Any) -> Any:
            self.calls += 1
            return send(*arguments, **options)

        Cluster._send = counted  # type: ignore[method-assign]
        try:
            yield
        finally:
            Cluster._send = send  # type: ignore[method-assign]


def measure_passes(tasks: SupervisorTasks, counter: CallCounter) -> tuple[list[float], int]:
    """Return the seconds of some sync passes, and the calls of the one with the most."""
    seconds, most = [], 0
    for _ in range(PASSES):
        before, started = counter.calls, time.perf_counter()
        tasks.sync_jobs()
        seconds.append(time.perf_counter() - started)
        most = max(most, counter.calls - before)
    return seconds, most


def measure_changes(core: Core, namespace: Namespace, instance_ids: list[str]) -> list[float]:
    """Return the seconds from changes in the cluster until the database has the job's new status."""
    seconds = []
    with core.unit_of_work.reading() as uow:
        instances = {one.id: one for one in uow.instances.list_serving()}
    for number in range(CHANGES):
        instance = instances[instance_ids[number * 37 % len(instance_ids)]]

        def is_seen(name: str = instance.job_name, version: str = instance.job_version) -> bool:
            with core.unit_of_work.reading() as uow:
                return uow.jobs.get(name, version).status == JobStatus.ERROR

        state = {"terminated": {"exitCode": 3, "reason": "Error"}}
        namespace.set_status(instance.id, state, is_ready=False)
        started = time.perf_counter()
        wait_for(is_seen, f"the new status of {instance.job_name} {instance.job_version}")
        seconds.append(time.perf_counter() - started)
    return seconds


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Wait until a condition is true."""
    deadline = time.monotonic() + MOST_WAIT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"{what} did not come within {MOST_WAIT_SECONDS} s")
        time.sleep(0.01)


def read_memory_mib() -> float:
    """Return the resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def now() -> str:
    """Return the present time as the cluster writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def report(what: str, value: float, bound: float, unit: str = "s") -> bool:
    """Print a figure with its bound; return whether the bound is kept."""
    is_kept = value <= bound
    print(f"{what:45}{value:8.2f} {unit:5} at most {bound:g}{'' if is_kept else '  NOT KEPT'}")
    return is_kept


def measure(jobs: int, folder: Path, namespace: Namespace) -> bool:
    """Measure and print everything; return whether all bounds are kept."""
    core = make_core(folder, namespace.name)
    started = time.perf_counter()
    instance_ids = fill(core, namespace, jobs)
    print(f"{jobs} jobs were made in {time.perf_counter() - started:.0f} s")
    tasks = SupervisorTasks(core.config, core, create_deployments(core))  # type: ignore[arg-type]
    counter, before = CallCounter(), read_memory_mib()
    with counter.counting():
        started = time.perf_counter()
        tasks.watch_targets()
        tasks.sync_jobs()
        print(
            f"first pass, with the list of all pods: {time.perf_counter() - started:.2f} s", end=""
        )
        print(f", {counter.calls} calls, {read_memory_mib() - before:.0f} MiB more memory")
        seconds, calls = measure_passes(tasks, counter)
        interval = core.config.sync_interval_seconds  # type: ignore[attr-defined]
        task = PeriodicTask("sync-jobs", interval, tasks.sync_jobs, woken=tasks.jobs_changed)
        runner = TaskRunner([task], CollectorRegistry())
        runner.start()
        seen = measure_changes(core, namespace, instance_ids)
        runner.stop()
        tasks.stop_watching()
    core.close()
    print(
        f"median of passes {statistics.median(seconds):.2f} s, of changes {statistics.median(seen):.2f} s"
    )
    kept = [
        report("slowest sync pass", max(seconds), MOST_PASS_SECONDS),
        report("most calls of the API in a pass", calls, MOST_CALLS, "calls"),
        report("slowest change until it is seen", max(seen), MOST_SEEN_SECONDS),
    ]
    print(f"memory of the whole process: {read_memory_mib():.0f} MiB")
    return all(kept)


def main() -> None:
    """Measure, and clean up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=5000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, make_namespace() as namespace:
        is_kept = measure(arguments.jobs, Path(folder), namespace)
    sys.exit(0 if is_kept else 1)


if __name__ == "__main__":
    main()
