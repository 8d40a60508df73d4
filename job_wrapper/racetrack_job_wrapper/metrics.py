"""Metrics of the calls of a job, of the requests of its server, and the job's own gauges."""

import time
from collections.abc import Callable, Iterable
from typing import Any

from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from racetrack_job_wrapper.log.logger import logger

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75),
    *(1, 2.5, 5, 7.5, 10, 25, 50, 75, 100, 250, 500, 750, 1000),
)


class JobMetrics:
    """The metrics of calls, by endpoint, and the job's own gauges."""

    def __init__(self) -> None:
        # With auto_describe, the registry refuses a job's gauge that has the name of one of these metrics.
        self.registry = registry = CollectorRegistry(auto_describe=True)
        label = ["endpoint"]
        self.errors = Counter(
            "request_internal_errors", "Calls that ended in an error", label, registry=registry
        )
        self.duration = Histogram(
            "request_duration", "Seconds of a call", label, registry=registry, buckets=BUCKETS
        )
        self.started = Counter("requests_started", "Calls begun", registry=registry)
        self.done = Counter("requests_done", "Calls ended", registry=registry)
        self.endpoint_started = Counter(
            "endpoint_requests_started", "Calls begun", label, registry=registry
        )
        self.last_call = Gauge(
            "last_call_timestamp", "UNIX seconds of the last call", registry=registry
        )

    def begin(self, endpoint: str) -> float:
        """Count the start of a call; return the time that `end` needs."""
        self.started.inc()
        self.endpoint_started.labels(endpoint).inc()
        self.last_call.set(time.time())
        return time.perf_counter()

    def end(self, endpoint: str, began: float, *, failed: bool) -> None:
        """Count the end of a call, and observe its duration."""
        self.done.inc()
        self.duration.labels(endpoint).observe(time.perf_counter() - began)
        if failed:
            self.errors.labels(endpoint).inc()

    def add_source(self, source: Callable[[], Iterable[dict[str, Any]]]) -> None:
        """Add the gauges that `source` returns; raise ValueError when a name is taken, or the error of `source`."""
        source()
        self.registry.register(_JobGauges(source))


class ServerMetrics:
    """The metrics of all requests, including probes."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.errors = Counter(
            "commons_internal_server_errors", "Requests answered with 5xx", registry=registry
        )
        self.duration = Histogram(
            "commons_request_duration", "Seconds of a request", buckets=BUCKETS, registry=registry
        )
        self.started = Counter("commons_requests_started", "Requests begun", registry=registry)
        self.done = Counter("commons_requests_done", "Requests ended", registry=registry)

    def begin(self) -> float:
        """Count the start of a request; return the time that `end` needs."""
        self.started.inc()
        return time.perf_counter()

    def end(self, began: float, *, failed: bool) -> None:
        """Count the end of a request, and observe its duration."""
        self.done.inc()
        self.duration.observe(time.perf_counter() - began)
        if failed:
            self.errors.inc()

    def text(self, job: JobMetrics | None) -> bytes:
        """Return all metrics in Prometheus' text format, including those of the default registry, where jobs add theirs."""
        registries = [REGISTRY, self.registry, *([job.registry] if job else [])]
        return b"".join(generate_latest(each) for each in registries)


class _JobGauges(Collector):
    def __init__(self, source: Callable[[], Iterable[dict[str, Any]]]) -> None:
        self.source = source

    def collect(self) -> Iterable[Metric]:
        families: dict[str, GaugeMetricFamily] = {}
        try:
            for item in self.source():
                _add_gauge(families, item)
        except Exception as error:  # noqa: BLE001 - an error of the job must not hide the other metrics
            logger.log_failure("metrics() of the job failed", error)
        return families.values()


def _add_gauge(families: dict[str, GaugeMetricFamily], item: dict[str, Any]) -> None:
    if "name" not in item or "value" not in item:
        logger.error("a metric of the job has no name or no value: %s", sorted(item))
        return
    if item["value"] is None:
        return
    labels = item.get("labels") or {}
    empty = GaugeMetricFamily(item["name"], item.get("description") or "", labels=list(labels))
    family = families.setdefault(item["name"], empty)
    family.add_metric([str(value) for value in labels.values()], float(item["value"]))
