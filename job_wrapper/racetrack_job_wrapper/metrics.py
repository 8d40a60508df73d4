"""Metrics of a job, and those that the job brings itself."""

import time
from collections.abc import Callable, Iterable
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 25, 50, 75, 100, 250, 500, 750, 1000)  # fmt: skip


class JobMetrics:
    """Counts and times calls."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.errors = Counter(
            "request_internal_errors",
            "Calls that ended in an error",
            ["endpoint"],
            registry=registry,
        )
        self.duration = Histogram(
            "request_duration",
            "Seconds of a call",
            ["endpoint"],
            registry=registry,
            buckets=BUCKETS,
        )
        self.started = Counter("requests_started", "Calls begun", registry=registry)
        self.done = Counter("requests_done", "Calls ended", registry=registry)
        self.endpoint_started = Counter(
            "endpoint_requests_started", "Calls begun", ["endpoint"], registry=registry
        )
        self.last_call = Gauge(
            "last_call_timestamp", "UNIX seconds of the last call", registry=registry
        )

    def begin(self, endpoint: str) -> float:
        """Note that a call begins; returns the moment for `end`."""
        self.started.inc()
        self.endpoint_started.labels(endpoint).inc()
        self.last_call.set(time.time())
        return time.perf_counter()

    def end(self, endpoint: str, began: float, *, failed: bool) -> None:
        """Note that a call ended."""
        self.done.inc()
        self.duration.labels(endpoint).observe(time.perf_counter() - began)
        if failed:
            self.errors.labels(endpoint).inc()

    def add_source(self, source: Callable[[], Iterable[dict[str, Any]]]) -> None:
        """Add the gauges that the job returns."""
        self.registry.register(_JobGauges(source))

    def text(self) -> bytes:
        """Write all metrics in Prometheus' text format."""
        return generate_latest(self.registry)


class _JobGauges(Collector):
    def __init__(self, source: Callable[[], Iterable[dict[str, Any]]]) -> None:
        self.source = source

    def collect(self) -> Iterable[Metric]:
        families: dict[str, GaugeMetricFamily] = {}
        for item in self.source():
            if item.get("value") is None or "name" not in item:
                continue
            labels = item.get("labels") or {}
            name = item["name"]
            family = families.setdefault(
                name, GaugeMetricFamily(name, item.get("description") or "", labels=list(labels))
            )
            family.add_metric([str(value) for value in labels.values()], float(item["value"]))
        return families.values()
