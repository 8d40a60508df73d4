"""The calls of a job as charts: its metrics are read through PUB while the tab is open."""

import time
from collections import deque
from typing import Any

from nicegui import ui

from dashboard.client.job_calls import JobNotCalled, JobRequest
from dashboard.components.facts import Facts
from dashboard.pages.job.metrics import CallCounts, CallRates, compare_counts, count_calls
from dashboard.pages.job.opened import OpenedJob

_SAMPLE_SECONDS = 5
_MOST_SAMPLES = 120
_TIMEOUT_SECONDS = 4
_INK = "#727b8d"
_COLOURS = ["#4c6ef5", "#e03131"]


class CallCharts:
    """Two charts and the counts beside them."""

    def __init__(self, job: OpenedJob) -> None:
        self._job = job
        self._before: dict[float, CallCounts] = {}
        self._rates: deque[CallRates] = deque(maxlen=_MOST_SAMPLES)
        self._note = ui.label("The metrics are read …").classes("rt-soft").props("role=status")
        self._facts = Facts()
        self._frequency = _add_chart("Calls and errors per second", ["calls/s", "errors/s"])
        self._duration = _add_chart("Duration of calls in ms", ["mean ms", "95 % within ms"])

    async def sample(self) -> None:
        """Read the metrics once more, and show them."""
        try:
            answer = await self._job.caller.call(JobRequest("GET", "/metrics"), _TIMEOUT_SECONDS)
        except JobNotCalled as error:
            self._note.set_text(f"The metrics could not be read: {error}.")
            return
        if answer.status != 200:
            self._note.set_text(
                f"The metrics could not be read: {describe_refusal(answer.status)}."
            )
            return
        counts = count_calls(answer.read_text(), time.time())
        if counts is None:
            self._note.set_text("The metrics of this job tell nothing of its calls.")
            return
        self._show(counts)

    def _show(self, counts: CallCounts) -> None:
        self._facts.show_text("Calls since its start", f"{counts.calls:.0f}")
        self._facts.show_text("Errors", f"{counts.errors:.0f}")
        if counts.durations.mean_ms is not None:
            self._facts.show_text("Mean duration", f"{counts.durations.mean_ms:.1f} ms")
        replicas = len(self._job.facts["replica_internal_names"])
        of = f" of one of {replicas} replicas" if replicas > 1 else ""
        self._note.set_text(f"The counts{of}, every {_SAMPLE_SECONDS} s while this page is open.")
        before = self._before.get(counts.process)
        self._before[counts.process] = counts
        rates = compare_counts(before, counts) if before else None
        if rates:
            self._rates.append(rates)
            self._draw()

    def _draw(self) -> None:
        rates = self._rates
        _set_lines(
            self._frequency,
            [
                [(each.at, each.calls_per_second) for each in rates],
                [(each.at, each.errors_per_second) for each in rates],
            ],
        )
        _set_lines(
            self._duration,
            [
                [(each.at, each.mean_ms) for each in rates],
                [(each.at, each.p95_ms) for each in rates],
            ],
        )


def add_charts(job: OpenedJob) -> CallCharts:
    """Show the charts, which go on while the tab is open; the first sample is up to the caller."""
    charts = CallCharts(job)
    ui.timer(_SAMPLE_SECONDS, charts.sample, immediate=False)
    return charts


def describe_refusal(status: int) -> str:
    """Return why PUB or the job did not answer with metrics."""
    reasons = {
        401: "you may not call this job",
        403: "you may not call this job",
        404: "the job has none",
        502: "the job does not answer",
        503: "the job does not take calls now",
        504: "the job answers too slowly",
    }
    return reasons.get(status, f"the answer has status {status}")


def _add_chart(title: str, names: list[str]) -> ui.echart:
    axis = {"axisLabel": {"color": _INK}, "splitLine": {"lineStyle": {"color": "#8884"}}}
    series = [
        {
            "name": name,
            "type": "line",
            "showSymbol": False,
            "data": [],
            "areaStyle": {"opacity": 0.1},
        }
        for name in names
    ]
    options: dict[str, Any] = {
        "animation": False,
        "color": _COLOURS,
        "legend": {"top": 0, "left": 40, "textStyle": {"color": _INK}},
        "tooltip": {"trigger": "axis"},
        "grid": {"left": 48, "right": 12, "top": 36, "bottom": 26},
        "xAxis": {"type": "time", **axis},
        "yAxis": {"type": "value", "min": 0, **axis},
        "series": series,
    }
    ui.label(title).classes("rt-soft")
    chart = ui.echart(options).classes("rt-chart").props("role=img")
    chart.props["aria-label"] = title
    return chart


def _set_lines(chart: ui.echart, lines: list[list[tuple[float, float | None]]]) -> None:
    for series, points in zip(chart.options["series"], lines, strict=True):
        series["data"] = [
            [int(at * 1000), None if value is None else round(value, 3)] for at, value in points
        ]
    chart.update()
