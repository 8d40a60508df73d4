"""Metrics of the Image Builder; the Grafana dashboard reads them by name."""

import re

from prometheus_client import CollectorRegistry, Counter, Gauge


class BuilderMetrics:
    """Counters and gauges of builds."""

    def __init__(self, registry: CollectorRegistry) -> None:
        job = ("job_name", "job_version")
        self.images_built = Counter("images_built", "Builds that made an image", registry=registry)
        # The misspelt name is the one that existing dashboards read.
        self.images_building_errors = Counter(
            "images_buidling_errors", "Builds that failed", registry=registry
        )
        self.requests = Counter(
            "image_building_requests", "Builds that were asked for", job, registry=registry
        )
        self.done_requests = Counter(
            "image_building_done_requests", "Builds that ended", job, registry=registry
        )
        self.request_duration = Counter(
            "image_building_request_duration_seconds",
            "Time that builds took",
            job,
            registry=registry,
        )
        self.phase_duration = Counter(
            "image_building_phase_duration",
            "Seconds that a phase took",
            (*job, "phase"),
            registry=registry,
        )
        self.phase_done = Counter(
            "image_building_phase_done",
            "Phases that ended well",
            (*job, "phase"),
            registry=registry,
        )
        self.images_pushed = Counter(
            "images_pushed", "Images pushed to the registry", registry=registry
        )
        self.images_pushed_duration = Counter(
            "images_pushed_duration", "Seconds that pushing images took", registry=registry
        )
        self.active_building_tasks = Gauge(
            "active_building_tasks", "Builds that run or wait for their turn", registry=registry
        )

    def count_phase(self, job_name: str, job_version: str, phase: str, seconds: float) -> None:
        """Count a phase that succeeded; `building image (2/3)` counts as `building image`."""
        labels = (job_name, job_version, re.sub(r" \(\d+/\d+\)$", "", phase))
        self.phase_duration.labels(*labels).inc(seconds)
        self.phase_done.labels(*labels).inc()
