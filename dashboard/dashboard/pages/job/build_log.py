"""The log of the newest build of a job."""

from nicegui import PageArguments

from dashboard.client.api import Params
from dashboard.pages.deployments.growing_log import GrowingLog
from dashboard.pages.job.opened import OpenedJob


async def show_build_log(job: OpenedJob, _: PageArguments) -> None:
    """Show the log, and follow it while a build goes on."""
    name = f"{job.name}-{job.version}-build.log"
    label = f"Build log of {job.name} {job.version}"
    log = GrowingLog(job.visit, f"{job.api_path}/build-logs/plain", label, name)

    async def refresh() -> None:
        params: Params = {"job_name": job.name, "job_version": job.version, "limit": 1}
        found = await job.visit.api.get("deploy", params)
        log.is_growing = bool(found) and found[0]["status"] == "in_progress"
        await log.refresh()

    await refresh()
    job.visit.on_change({"deployment"}, refresh)
