"""Waiting until the jobs of a platform that was started again take calls."""

from collections.abc import Callable
from dataclasses import dataclass

from racetrack_commons.clock import Clock
from racetrack_commons.entities.dto import JobStatus

from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.domain.instance import JobInstance
from lifecycle.domain.secrets import SecretBox
from lifecycle.monitor.health import JobNotHealthy, quick_check_job_condition

_PAUSE_SECONDS = 0.1
Probe = Callable[[str, JobInstance], None]
"""Called with an address and its instance; raises JobNotHealthy when that takes no calls."""


@dataclass(frozen=True)
class InstanceProbe:
    """Probes instances over the network."""

    secrets: SecretBox

    def __call__(self, address: str, instance: JobInstance) -> None:
        """Probe the instance once; raise JobNotHealthy when it takes no calls."""
        secret = self.secrets.make_shown_secret(instance)
        quick_check_job_condition(f"http://{address}", secret=secret)


def wait_for_jobs(
    unit_of_work: UnitOfWorkFactory,
    clock: Clock,
    timeout_seconds: float,
    probe: Probe,
) -> dict[str, str]:
    """Wait until every serving instance takes calls, and its job is not listed as starting.

    Returns what is wrong with the others, by the names of their jobs.
    """
    deadline = clock.monotonic() + timeout_seconds
    with unit_of_work.reading() as uow:
        waiting = uow.instances.list_serving()
    while True:
        found = {one.id: _find_problem(unit_of_work, one, probe) for one in waiting}
        problems = {instance_id: problem for instance_id, problem in found.items() if problem}
        waiting = [one for one in waiting if one.id in problems]
        if not waiting or clock.monotonic() > deadline:
            return {f"{one.job_name} {one.job_version}": problems[one.id] for one in waiting}
        clock.sleep(_PAUSE_SECONDS)


def _find_problem(
    unit_of_work: UnitOfWorkFactory, instance: JobInstance, probe: Probe
) -> str | None:
    try:
        for address in instance.replica_internal_names or [instance.internal_name or ""]:
            probe(address, instance)
    except JobNotHealthy as error:
        return str(error)
    with unit_of_work.reading() as uow:
        job = uow.jobs.find(instance.job_name, instance.job_version)
    if job is not None and job.status == JobStatus.STARTING:
        return "the job answers, and the Supervisor has not seen that yet"
    return None
