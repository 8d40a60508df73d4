"""The phases of a deployment as steps that a reader can follow, each with its time."""

from dataclasses import dataclass
from typing import Any

from nicegui import ui

from dashboard.components.marks import add_elapsed, set_elapsed

_BUILD, _CREATE, _START, _INITIALIZE, _FINISH = STEPS = (
    "build the image",
    "create the instance",
    "start the server",
    "load the job",
    "finish",
)
_STEPS_BY_PHASE = {
    "creating cluster resources": _CREATE,
    "starting job server": _START,
    "initializing job entrypoint": _INITIALIZE,
    "post-deploy hooks": _FINISH,
    "deleting job from a former infrastructure": _FINISH,
}
_MARKS = {
    "done": "check_circle",
    "now": "pending",
    "failed": "cancel",
    "open": "radio_button_unchecked",
}


def mark_steps(phase: str, status: str) -> list[str]:
    """Return how far each step is: done, now, failed or open."""
    if status == "done":
        return ["done"] * len(STEPS)
    present = STEPS.index(_choose_step(phase))
    here = "failed" if status == "failed" else "now"
    return ["done"] * present + [here] + ["open"] * (len(STEPS) - present - 1)


@dataclass(frozen=True)
class StepTime:
    """When a step began and ended, in UNIX seconds."""

    begin: float
    end: float | None
    """None while it goes on."""


def time_steps(deployment: dict[str, Any]) -> list[StepTime | None]:
    """Return the times of the steps; steps that were not reached, or whose time is not known, have none."""
    begins: list[float | None] = [None] * len(STEPS)
    for phase in deployment.get("phases") or []:
        step = STEPS.index(_choose_step(phase["phase"]))
        if begins[step] is None or any(begins[step + 1 :]):
            # After a takeover, what follows is done again.
            begins[step:] = [phase["begin_time"], *([None] * (len(STEPS) - step - 1))]
    is_running = deployment["status"] == "in_progress"
    end = None if is_running else float(deployment["update_time"])
    times: list[StepTime | None] = []
    for begin in reversed(begins):
        times.append(None if begin is None else StepTime(begin, end))
        end = end if begin is None else begin
    return times[::-1]


def describe_steps(deployment: dict[str, Any]) -> str:
    """Return how long each step took, such as `build the image 12 s, create the instance 1 s`."""
    timed = zip(STEPS, time_steps(deployment), strict=True)
    return ", ".join(
        f"{step} {max(time.end - time.begin, 0):.0f} s" for step, time in timed if time and time.end
    )


def _choose_step(phase: str) -> str:
    """Return the step of a phase; those that are not known belong to the build."""
    return _STEPS_BY_PHASE.get(phase.lower(), _BUILD)


class PhaseSteps:
    """The steps in a row, which change in place."""

    def __init__(self) -> None:
        self._steps: list[tuple[ui.icon, ui.label, ui.element]] = []
        self._frame = ui.element("ol").classes("rt-phases")
        self._frame.props["aria-label"] = "Phases"
        with self._frame:
            for step in STEPS:
                with ui.element("li").classes("row items-center no-wrap gap-1"):
                    icon = ui.icon("radio_button_unchecked", size="18px").props("aria-hidden=true")
                    label, time = ui.label(step), add_elapsed(0, None).classes("rt-soft")
                    self._steps.append((icon, label, time))

    def show(self, deployment: dict[str, Any]) -> None:
        """Show the steps of a deployment."""
        marks = mark_steps(deployment["phase"] or "", deployment["status"])
        times = time_steps(deployment)
        for step, mark, time, (icon, label, shown) in zip(
            STEPS, marks, times, self._steps, strict=True
        ):
            shown.set_visibility(time is not None)
            if time:
                set_elapsed(shown, time.begin, time.end)
            icon.set_name(_MARKS[mark])
            icon.classes(replace=f"rt-step is-{mark}")
            label.set_text(step if mark == "open" else f"{step}: {mark}")
            label.classes(replace="text-weight-bold" if mark == "now" else "rt-soft")
