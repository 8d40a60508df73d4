"""Metrics of the calls of a job, of the requests of its server, and the job's own gauges."""

import time
from collections.abc import Iterable

from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from racetrack_job_wrapper.gauges import JobGauges, Source
from racetrack_job_wrapper.log.logger import logger

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75),
    *(1, 2.5, 5, 7.5, 10, 25, 50, 75, 100, 250, 500, 750, 1000),
)


class JobMetrics:
    """The metrics of calls, by endpoint, and the job's own gauges."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.gauges: JobGauges | None = None
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

    def add_source(self, source: Source) -> None:
        """Add the gauges that `source` returns; raise ValueError when a name is taken, or the error of `source`."""
        source()
        self.gauges = JobGauges(source)
        own = {name for family in self.gauges.collect() for name in _list_names(family)}
        for family in self.registry.collect():
            if taken := own.intersection(_list_names(family)):
                raise ValueError(
                    f"Duplicated timeseries: metrics() returns {', '.join(sorted(taken))}, which is a metric of all jobs"
                )


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
        self._reported: set[str] = set()

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
        page = _Page(self._reported)
        page.add(self.registry)
        if job:
            page.add(job.registry)
        # There is no public list of the collectors; all at once, one that fails would take the rest along.
        for collector in list(getattr(REGISTRY, "_collector_to_names", (REGISTRY,))):
            page.add(collector)
        if job and job.gauges:
            page.add(job.gauges)
        return b"".join(page.texts)


class _Page:
    """The page of metrics: a family whose name is taken already, or that can't be written, is left out."""

    def __init__(self, reported: set[str]) -> None:
        self.texts: list[bytes] = []
        self._names: set[str] = set()
        self._reported = reported

    def add(self, collector: Collector | JobGauges) -> None:
        """Write the families of a collector, which may be the job's and may fail."""
        try:
            for family in collector.collect():
                self._add_family(family)
        except Exception as error:  # noqa: BLE001 - an error of the job must not hide the other metrics
            logger.log_failure("a collector of metrics failed", error)

    def _add_family(self, family: Metric) -> None:
        names = _list_names(family)
        if taken := self._names.intersection(names):
            self._report(family.name, f"there is another metric {', '.join(sorted(taken))}")
            return
        try:
            self.texts.append(generate_latest(_OneFamily(family)))
            self._names |= names
        except Exception as error:  # noqa: BLE001 - a label of the job may be anything
            self._report(family.name, str(error))

    def _report(self, name: str, reason: str) -> None:
        if name not in self._reported:
            self._reported.add(name)
            logger.error("the metric %s of the job is left out: %s", name, reason)


class _OneFamily(Collector):
    def __init__(self, family: Metric) -> None:
        self._family = family

    def collect(self) -> Iterable[Metric]:
        return (self._family,)


def _list_names(family: Metric) -> set[str]:
    return {family.name, *(sample.name for sample in family.samples)}
