"""Metrics of the gateway. Their names carry no `_total`: dashboards of older installations ask for them as they are."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

_PER_JOB = ("job_name", "job_version")


class PubMetrics(Collector):
    """Counters by their contract names."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._values: dict[str, dict[tuple[str, ...], float]] = {}
        registry.register(self)
        self.response_time = Histogram(
            "pub_job_call_response_time_histogram",
            "Seconds of a job call",
            _PER_JOB,
            registry=registry,
            buckets=[0.001 * 2**power for power in range(21)],
        )

    def count(self, name: str, *labels: str, by: float = 1) -> None:
        """Add to a counter; labels are the job's name and version, then perhaps a status code."""
        values = self._values.setdefault(name, {})
        values[labels] = values.get(labels, 0) + by

    def collect(self) -> Iterable[Metric]:
        """Yield the counters."""
        for name, values in list(self._values.items()):
            metric = Metric(name, name.replace("_", " "), "unknown")
            for labels, value in list(values.items()):
                names = (*_PER_JOB, "status_code")[: len(labels)]
                metric.add_sample(name, dict(zip(names, labels, strict=True)), value)
            yield metric
