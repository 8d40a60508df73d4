import gc
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from lifecycle.config import Config
from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.domain.instance import Instance, InstanceSpec, InstanceState
from lifecycle.domain.secrets import SecretBox
from lifecycle.infrastructure.answer_watch import AnswerWatch
from lifecycle.infrastructure.docker.deployer import DockerDeployer
from lifecycle.infrastructure.docker.diagnosis import Diagnostician
from lifecycle.infrastructure.docker.engine_client import DockerEngine
from lifecycle.infrastructure.docker.engine_connection import EngineConnection
from lifecycle.infrastructure.docker.identity import JobContainer
from lifecycle.infrastructure.docker.keeper import DockerKeeper
from lifecycle.infrastructure.docker.monitor import DockerMonitor
from lifecycle.infrastructure.revival_failures import RevivalFailures
from lifecycle.testing.databases import open_sqlite_copy
from lifecycle.testing.deployer_contract import TIMESTAMP, a_contract_manifest
from lifecycle.testing.instances import an_instance
from lifecycle.testing.tiny_job import build_tiny_image, platform_of_its_own
from pydantic import SecretStr
from racetrack_client.docker_labels import DockerLabel
from racetrack_commons.clock import Clock
from racetrack_commons.entities.dto import JobDto
from racetrack_commons.testing.builders import a_job
from racetrack_commons.testing.serving import wait_until


@pytest.fixture(scope="session")
def tiny_image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with build_tiny_image(tmp_path_factory.mktemp("tiny-image")) as name:
        yield name


@pytest.fixture
def unit_of_work(sqlite_template: Path, tmp_path: Path) -> Iterator[UnitOfWorkFactory]:
    """One kind of database is enough where the engine is what is tested."""
    with open_sqlite_copy(sqlite_template, tmp_path / "db.sqlite3") as sqlite:
        yield UnitOfWorkFactory(sqlite)


@pytest.fixture
def docker_config() -> Iterator[Config]:
    with platform_of_its_own() as name:
        yield Config(
            platform_name=name,
            docker_network=name,
            docker_publish_host="127.0.0.1",
            docker_wait_seconds=0,
            first_job_port=28000,
            last_job_port=28999,
            internal_pub_url="http://pub/pub",
            auth_key=SecretStr("a key for tests, long enough for HS256"),
            secret_key=SecretStr("a secret key for tests"),
        )


@pytest.fixture
def connection(docker_config: Config) -> Iterator[EngineConnection]:
    connection = EngineConnection(docker_config.docker_host)
    yield connection
    connection.close()


@pytest.fixture
def deployer(
    docker_config: Config, unit_of_work: UnitOfWorkFactory, connection: EngineConnection
) -> DockerDeployer:
    engine = DockerEngine(connection, Clock(), docker_config.docker_wait_seconds)
    secret_box = SecretBox(docker_config.secret_key)
    return DockerDeployer(docker_config, unit_of_work, secret_box, engine, Clock())


@pytest.fixture
def make_spec(tiny_image: str) -> Callable[..., InstanceSpec]:
    """Asks for an instance of the tiny job; variables say how it goes wrong."""

    def make(images: int = 1, **values: object) -> InstanceSpec:
        manifest = values.pop("manifest", None) or a_contract_manifest()
        variables = {name.upper(): str(value) for name, value in values.items()}
        return InstanceSpec(
            instance_id=str(uuid4()),
            manifest=manifest,  # type: ignore[arg-type]
            image_tag="1",
            image_names=[tiny_image] * images,
            deployment_timestamp=TIMESTAMP,
            runtime_env=variables,
        )

    return make


@pytest.fixture
def ask() -> Callable[..., dict | None]:
    """Asks a job something; None when it does not answer."""

    def ask(address: str, path: str = "/live") -> dict | None:
        try:
            answer = httpx.get(f"http://{address}{path}", trust_env=False, timeout=3)
        except httpx.TransportError:
            return None
        return answer.json()

    return ask


@pytest.fixture
def connection_to_no_engine(tmp_path: Path) -> Iterator[EngineConnection]:
    """Its test has to ignore unraisable warnings.

    The SDK leaves the sockets of failed connections to the garbage collector, which Python warns of.
    """
    yield EngineConnection(f"unix://{tmp_path}/no-engine.sock")
    gc.collect()


@pytest.fixture
def save_instance(unit_of_work: UnitOfWorkFactory) -> Callable[..., None]:
    """Writes the row of an instance, as its deployment does."""

    def save(instance: Instance, state: InstanceState = InstanceState.SERVING) -> None:
        row = an_instance(
            instance.job_name,
            instance.job_version,
            id=instance.instance_id,
            infrastructure_target="docker",
            state=state,
            internal_name=instance.internal_name,
            replica_internal_names=instance.replica_internal_names,
        )
        with unit_of_work() as uow:
            uow.instances.save(row)

    return save


@pytest.fixture
def serve(
    deployer: DockerDeployer,
    unit_of_work: UnitOfWorkFactory,
    save_instance: Callable[..., None],
    ask: Callable[..., dict | None],
) -> Callable[..., JobDto]:
    """Makes an instance the serving one of its job, as a deployment does."""

    def serve(spec: InstanceSpec, wait: bool = True) -> JobDto:
        instance = deployer.start_instance(spec)
        if wait:
            for address in instance.replica_internal_names:
                wait_until(lambda address=address: ask(address))
        deployer.keep_instance(spec.instance_id)
        save_instance(instance)
        job = a_job(
            instance.job_name,
            instance.job_version,
            internal_name=instance.internal_name,
            replica_internal_names=instance.replica_internal_names,
            infrastructure_target="docker",
        )
        with unit_of_work() as uow:
            return uow.jobs.save(job)

    return serve


@pytest.fixture
def containers_of(deployer: DockerDeployer) -> Callable[[str], list[JobContainer]]:
    """Lists the containers of an instance."""
    return lambda instance_id: deployer.list_containers({DockerLabel.INSTANCE: instance_id})


@pytest.fixture
def failures() -> RevivalFailures:
    return RevivalFailures()


@pytest.fixture
def answers() -> AnswerWatch:
    return AnswerWatch()


@pytest.fixture
def keeper(
    deployer: DockerDeployer, failures: RevivalFailures, answers: AnswerWatch
) -> DockerKeeper:
    return DockerKeeper(deployer, failures, answers, Clock(), settling_seconds=0)


@pytest.fixture
def monitor(
    deployer: DockerDeployer, failures: RevivalFailures, answers: AnswerWatch
) -> DockerMonitor:
    return DockerMonitor(deployer, Diagnostician(deployer, Clock()), failures, answers)
