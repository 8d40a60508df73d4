"""Waiting until the jobs of a platform that was started again take calls."""

from collections.abc import Callable

from racetrack_commons.clock import Clock

from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.domain.instance import JobInstance
from lifecycle.monitor.health import JobNotHealthy, quick_check_job_condition

_PAUSE_SECONDS = 0.1
Probe = Callable[[str, str], None]
"""Called with an address and the id of its instance; raises JobNotHealthy when that takes no calls."""


def probe_instance(address: str, instance_id: str) -> None:
    """Probe the instance once; raise JobNotHealthy when it takes no calls."""
    quick_check_job_condition(f"http://{address}", instance_id=instance_id)


def wait_for_jobs(
    unit_of_work: UnitOfWorkFactory,
    clock: Clock,
    timeout_seconds: float,
    probe: Probe = probe_instance,
) -> dict[str, str]:
    """Wait until every serving instance takes calls; return what is wrong with the others, by the names of their jobs."""
    deadline = clock.monotonic() + timeout_seconds
    with unit_of_work.reading() as uow:
        waiting = uow.instances.list_serving()
    while True:
        problems = {one.id: problem for one in waiting if (problem := _find_problem(one, probe))}
        waiting = [one for one in waiting if one.id in problems]
        if not waiting or clock.monotonic() > deadline:
            return {f"{one.job_name} {one.job_version}": problems[one.id] for one in waiting}
        clock.sleep(_PAUSE_SECONDS)


def _find_problem(instance: JobInstance, probe: Probe) -> str | None:
    try:
        for address in instance.replica_internal_names or [instance.internal_name or ""]:
            probe(address, instance.id)
    except JobNotHealthy as error:
        return str(error)
    return None
