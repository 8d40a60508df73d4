import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lifecycle.config import Config
from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.domain.instance import InstanceSpec
from lifecycle.domain.secrets import SecretBox
from lifecycle.infrastructure.answer_watch import AnswerWatch
from lifecycle.infrastructure.process.cgroups.cgroup_places import CgroupPlace, list_places
from lifecycle.infrastructure.process.cgroups.job_groups import JobGroups
from lifecycle.infrastructure.process.deployer import ProcessDeployer
from lifecycle.infrastructure.process.keeper import ProcessKeeper
from lifecycle.infrastructure.process.memory_watch import MemoryUses, MemoryWatch
from lifecycle.infrastructure.process.plan import make_data_mark
from lifecycle.infrastructure.process.process_table import ProcessTable
from lifecycle.testing.deployer_contract import NAME, TIMESTAMP, a_contract_manifest
from lifecycle.testing.tiny_job import TINY_JOB
from pydantic import SecretStr
from racetrack_commons.clock import Clock
from racetrack_commons.testing.serving import free_port


@pytest.fixture
def process_config(tmp_path: Path) -> Config:
    port = free_port()
    return Config(
        images_dir=tmp_path / "images",
        environments_dir=tmp_path / "environments",
        job_homes_dir=tmp_path / "homes",
        job_logs_dir=tmp_path / "logs",
        first_job_port=port,
        last_job_port=port + 50,
        internal_pub_url="http://pub/pub",
        secret_key=SecretStr("a secret key for tests"),
    )


@pytest.fixture
def places() -> list[CgroupPlace]:
    """The places for cgroups that this machine has."""
    return list_places()


@pytest.fixture
def deployer(
    process_config: Config, unit_of_work: UnitOfWorkFactory, places: list[CgroupPlace]
) -> Iterator[ProcessDeployer]:
    deployer = ProcessDeployer(
        process_config,
        unit_of_work,
        SecretBox(process_config.secret_key),
        Clock(),
        JobGroups(make_data_mark(process_config), places),
    )
    yield deployer
    for instance in deployer.list_instances():
        deployer.stop_instance(instance.instance_id, grace_seconds=0)
    watch = MemoryWatch(deployer, MemoryUses(), ProcessTable())
    ProcessKeeper(deployer, watch, AnswerWatch()).stop_all()


@pytest.fixture
def uses() -> MemoryUses:
    return MemoryUses()


@pytest.fixture
def memory_watch(deployer: ProcessDeployer, uses: MemoryUses) -> MemoryWatch:
    return MemoryWatch(deployer, uses, ProcessTable())


@pytest.fixture
def answer_watch() -> AnswerWatch:
    return AnswerWatch()


@pytest.fixture
def keeper(
    deployer: ProcessDeployer, memory_watch: MemoryWatch, answer_watch: AnswerWatch
) -> ProcessKeeper:
    return ProcessKeeper(deployer, memory_watch, answer_watch, settling_seconds=0)


@pytest.fixture
def make_spec(process_config: Config) -> Callable[..., InstanceSpec]:
    """Writes an image whose program is the given one, and asks for an instance of it."""

    def make(instance_id: str, code: str = TINY_JOB, **values: object) -> InstanceSpec:
        folder = process_config.images_dir / NAME / instance_id
        (folder / "source").mkdir(parents=True)
        (folder / "source/server.py").write_text(code)
        image = {
            "python": sys.executable,
            "command": ["{python}", "server.py", *values.pop("arguments", ("{host}", "{port}"))],
            "environment": {"JOB_TYPE_VERSION": "1.0.0"},
        }
        (folder / "image.json").write_text(json.dumps(image))
        manifest = values.pop("manifest", None) or a_contract_manifest()
        return InstanceSpec(instance_id, manifest, instance_id, [], TIMESTAMP, **values)  # type: ignore[arg-type]

    return make
