from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from lifecycle.config import Config
from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.domain.instance import InstanceSpec, InstanceState
from lifecycle.domain.secrets import SecretBox
from lifecycle.infrastructure.kubernetes.cluster import Cluster
from lifecycle.infrastructure.kubernetes.deployer import KubernetesDeployer
from lifecycle.infrastructure.kubernetes.diagnosis import RememberedDetails
from lifecycle.infrastructure.kubernetes.identity import make_platform_labels
from lifecycle.infrastructure.kubernetes.keeper import KubernetesKeeper
from lifecycle.infrastructure.kubernetes.monitor import KubernetesMonitor
from lifecycle.infrastructure.kubernetes.pod_watch import PodWatch
from lifecycle.infrastructure.revival_failures import RevivalFailures
from lifecycle.testing.databases import open_sqlite_copy
from lifecycle.testing.deployer_contract import TIMESTAMP, a_contract_manifest
from lifecycle.testing.fake_api_server import FakeApiServer, serve_fake_api
from lifecycle.testing.instances import an_instance
from pydantic import SecretStr
from racetrack_commons.clock import Clock
from racetrack_commons.entities.dto import JobDto
from racetrack_commons.testing.builders import a_job


@pytest.fixture
def unit_of_work(sqlite_template: Path, tmp_path: Path) -> Iterator[UnitOfWorkFactory]:
    """One kind of database is enough where the cluster is what is tested."""
    with open_sqlite_copy(sqlite_template, tmp_path / "db.sqlite3") as sqlite:
        yield UnitOfWorkFactory(sqlite)


@pytest.fixture
def fake_api(tmp_path: Path) -> Iterator[tuple[FakeApiServer, Path]]:
    with serve_fake_api(tmp_path) as served:
        yield served


@pytest.fixture
def api(fake_api: tuple[FakeApiServer, Path]) -> FakeApiServer:
    return fake_api[0]


@pytest.fixture
def cluster_config(fake_api: tuple[FakeApiServer, Path]) -> Config:
    return Config(
        job_k8s_namespace="jobs",
        kubernetes_config=fake_api[1],
        kubernetes_patience_seconds=30,
        auth_key=SecretStr("a key for tests, long enough for HS256"),
        secret_key=SecretStr("a secret key for tests"),
    )


@pytest.fixture
def cluster(cluster_config: Config) -> Iterator[Cluster]:
    cluster = Cluster(cluster_config)
    yield cluster
    cluster.close()


@pytest.fixture
def deployer(
    cluster_config: Config, unit_of_work: UnitOfWorkFactory, cluster: Cluster
) -> KubernetesDeployer:
    secret_box = SecretBox(cluster_config.secret_key)
    return KubernetesDeployer(cluster_config, unit_of_work, secret_box, cluster, Clock())


@pytest.fixture
def image() -> str:
    return "registry.example/racetrack/job/adder:1"


@pytest.fixture
def make_spec(image: str) -> Callable[..., InstanceSpec]:
    """Asks for an instance of the tiny job; variables say how it goes wrong."""

    def make(images: int = 1, **values: object) -> InstanceSpec:
        manifest = values.pop("manifest", None) or a_contract_manifest()
        variables = {name.upper(): str(value) for name, value in values.items()}
        return InstanceSpec(
            instance_id=str(uuid4()),
            manifest=manifest,  # type: ignore[arg-type]
            image_tag="1",
            image_names=[image] * images,
            deployment_timestamp=TIMESTAMP,
            runtime_env=variables,
        )

    return make


@pytest.fixture
def ask() -> Callable[..., dict | None]:
    """Asks a job something; None when it does not answer, also where another network answers before its address exists."""

    def ask(address: str, path: str = "/live") -> dict | None:
        try:
            answer = httpx.get(f"http://{address}{path}", trust_env=False, timeout=3)
        except httpx.TransportError:
            return None
        return answer.json() if answer.is_success else None

    return ask


@pytest.fixture
def pods(cluster: Cluster, cluster_config: Config) -> Iterator[PodWatch]:
    pods = PodWatch(cluster, make_platform_labels(cluster_config.platform_name))
    yield pods
    pods.stop()


@pytest.fixture
def failures() -> RevivalFailures:
    return RevivalFailures()


@pytest.fixture
def monitor(
    deployer: KubernetesDeployer, pods: PodWatch, failures: RevivalFailures, cluster: Cluster
) -> KubernetesMonitor:
    details = RememberedDetails(cluster, Clock())
    return KubernetesMonitor(deployer, pods, details, failures, Clock())


@pytest.fixture
def keeper(
    deployer: KubernetesDeployer, pods: PodWatch, failures: RevivalFailures
) -> KubernetesKeeper:
    return KubernetesKeeper(deployer, pods, failures, Clock())


@pytest.fixture
def serve(
    deployer: KubernetesDeployer, unit_of_work: UnitOfWorkFactory
) -> Callable[[InstanceSpec], JobDto]:
    """Makes an instance the serving one of its job, as a deployment does."""

    def serve(spec: InstanceSpec) -> JobDto:
        instance = deployer.start_instance(spec)
        row = an_instance(
            instance.job_name,
            instance.job_version,
            id=instance.instance_id,
            infrastructure_target="kubernetes",
            state=InstanceState.SERVING,
            internal_name=instance.internal_name,
            replica_internal_names=instance.replica_internal_names,
        )
        job = a_job(
            instance.job_name,
            instance.job_version,
            infrastructure_target="kubernetes",
            internal_name=instance.internal_name,
            replica_internal_names=instance.replica_internal_names,
        )
        with unit_of_work() as uow:
            uow.instances.save(row)
            return uow.jobs.save(job)

    return serve
