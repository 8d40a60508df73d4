"""The phases of a deployment as steps that a reader can follow."""

from nicegui import ui

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
    """Return how far each step is: done, now, failed or open; phases that are not known belong to the build."""
    if status == "done":
        return ["done"] * len(STEPS)
    present = STEPS.index(_STEPS_BY_PHASE.get(phase.lower(), _BUILD))
    here = "failed" if status == "failed" else "now"
    return ["done"] * present + [here] + ["open"] * (len(STEPS) - present - 1)


class PhaseSteps:
    """The steps in a row, which change in place."""

    def __init__(self) -> None:
        self._steps: list[tuple[ui.icon, ui.label]] = []
        self._frame = ui.element("ol").classes("rt-phases")
        self._frame.props["aria-label"] = "Phases"
        with self._frame:
            for step in STEPS:
                with ui.element("li").classes("row items-center no-wrap gap-1"):
                    icon = ui.icon("radio_button_unchecked", size="18px").props("aria-hidden=true")
                    self._steps.append((icon, ui.label(step)))

    def show(self, phase: str, status: str) -> None:
        """Show the steps of a deployment."""
        marks = mark_steps(phase, status)
        for step, mark, (icon, label) in zip(STEPS, marks, self._steps, strict=True):
            icon.set_name(_MARKS[mark])
            icon.classes(replace=f"rt-step is-{mark}")
            label.set_text(step if mark == "open" else f"{step}: {mark}")
            label.classes(replace="text-weight-bold" if mark == "now" else "rt-soft")
