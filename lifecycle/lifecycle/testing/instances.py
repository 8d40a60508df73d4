"""Instances of jobs in tests: their rows, their processes, and whether they answer."""

from datetime import UTC, datetime
from typing import Any

import httpx

from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.domain.instance import InstanceState, JobInstance, JobProcess


def an_instance(job_name: str = "adder", job_version: str = "0.0.1", **values: Any) -> JobInstance:
    """Make the serving instance `one` of the target `process`."""
    defaults: dict[str, Any] = {
        "id": "one",
        "infrastructure_target": "process",
        "state": InstanceState.SERVING,
        "create_time": datetime.now(UTC),
    }
    return JobInstance(job_name=job_name, job_version=job_version, **defaults | values)


def save_instance(unit_of_work: UnitOfWorkFactory, instance: JobInstance) -> None:
    """Write the row of an instance, as its deployment does."""
    with unit_of_work() as uow:
        uow.instances.save(instance)


def first_process_of(unit_of_work: UnitOfWorkFactory, instance_id: str = "one") -> JobProcess:
    """Read the row of an instance's first process."""
    with unit_of_work.reading() as uow:
        return uow.processes.list_of_instance(instance_id)[0]


def is_up(address: str) -> bool:
    """Return whether a job answers at an address."""
    try:
        return httpx.get(f"http://{address}/", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
