"""The log of the newest build of a job."""

from nicegui import PageArguments, ui

from dashboard.client.api import ApiError, LoggedOut
from dashboard.components.log_view import LogView
from dashboard.pages.job.opened import OpenedJob


async def show_build_log(job: OpenedJob, _: PageArguments) -> None:
    """Show the log, and its end while a build goes on."""
    state = ui.label().classes("rt-soft").props("role=status")
    view = LogView(f"Build log of {job.name} {job.version}", f"{job.name}-{job.version}-build.log")
    shown = 0

    async def refresh() -> None:
        nonlocal shown
        try:
            text = await job.visit.api.get_text(f"{job.api_path}/build-logs/plain")
        except LoggedOut:
            raise
        except ApiError as error:
            state.set_text(str(error))
            return
        state.set_text("" if text.strip() else "The newest build has logged nothing.")
        if hash(text) != shown:
            shown = hash(text)
            view.replace(text.splitlines())

    await refresh()
    job.visit.on_change({"deployment"}, refresh)
