"""Metrics of the gateway. Their names carry no `_total`: dashboards of older installations query them without it."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from pub.call_tally import CallTally

_PER_JOB = ("job_name", "job_version")
_PLAIN = {
    "pub_job_proxy_errors": "Calls that a job did not answer",
    "pub_job_proxy_connection_broken_errors": "Calls whose connection to the job broke",
    "pub_job_proxy_connection_refused_errors": "Calls whose connection the job refused",
    "pub_job_proxy_context_canceled_errors": "Calls whose caller left",
    "pub_job_proxy_context_deadline_errors": "Calls that took too long",
    "pub_job_proxy_request_errors": "Calls refused before they reached a job, except for 404",
    "pub_lifecycle_errors": "Questions to Lifecycle that were refused or not answered, except for 404",
    "pub_panic_errors": "Calls that ended in a fault of the gateway",
    "pub_overall_job_proxy_response_time": "Seconds of all calls",
    "pub_health_requests": "Requests of /health",
    "pub_lifecycle_calls": "Questions to Lifecycle",
    "pub_lifecycle_call_time": "Seconds of answered questions to Lifecycle",
    "pub_auth_successful": "Questions to Lifecycle that it answered with yes",
    "pub_auth_failed": "Questions to Lifecycle that it did not answer with yes",
    "pub_async_job_calls_errors": "Attempts of async calls that failed",
    "pub_async_retried_task": "Attempts of async calls that were not the first",
    "pub_async_retried_crashed_task": "Those of them that followed a failure",
    "pub_async_retried_missing_task": "Those of them that were taken over from a gateway that vanished",
    "pub_lifecycle_cache_retrieved_responses": "Calls that a remembered answer allowed or refused",
    "pub_lifecycle_cache_recovered_failed_responses": "Calls allowed by an older answer while Lifecycle was away",
}
_LABELLED = {
    "pub_job_proxy_requests": ("Calls that Lifecycle allowed", _PER_JOB),
    "pub_job_proxy_requests_started": ("Calls sent to jobs", _PER_JOB),
    "pub_job_proxy_requests_done": ("Calls that ended", _PER_JOB),
    "pub_async_job_calls_started": ("Async calls that were accepted", _PER_JOB),
    "pub_async_job_calls_done": ("Async calls that ended", _PER_JOB),
    "pub_job_call_response_time": ("Seconds of calls", _PER_JOB),
    "pub_job_proxy_response_codes": ("Answers of jobs by status", (*_PER_JOB, "status_code")),
}


class PubMetrics(Collector):
    """The counters of the gateway, by their contract names, and the histogram of call times."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.tally = CallTally()
        self._plain: dict[str, float] = dict.fromkeys(_PLAIN, 0.0)
        self._labelled: dict[str, dict[tuple[str, ...], float]] = {name: {} for name in _LABELLED}
        registry.register(self)
        self._response_time = Histogram(
            "pub_job_call_response_time_histogram",
            "Seconds of a job call",
            _PER_JOB,
            registry=registry,
            buckets=[0.001 * 2**power for power in range(21)],
        )

    def count(self, name: str, by: float = 1) -> None:
        """Add `by` to a counter."""
        self._plain[name] += by

    def count_for(self, name: str, *labels: str, by: float = 1) -> None:
        """Add `by` to a counter of a job; `labels` are its name and version, then a status code where there is one."""
        values = self._labelled[name]
        values[labels] = values.get(labels, 0) + by

    def note_call(self, name: str, version: str, seconds: float) -> None:
        """Count a call that has ended, and the seconds it took."""
        self.count_for("pub_job_proxy_requests_done", name, version)
        self.count("pub_overall_job_proxy_response_time", seconds)
        self.count_for("pub_job_call_response_time", name, version, by=seconds)
        self._response_time.labels(name, version).observe(seconds)

    def collect(self) -> Iterable[Metric]:
        """Yield the counters, as prometheus_client asks for them."""
        for name, value in self._plain.items():
            metric = Metric(name, _PLAIN[name], "unknown")
            metric.add_sample(name, {}, value)
            yield metric
        for name, values in self._labelled.items():
            text, labels = _LABELLED[name]
            metric = Metric(name, text, "unknown")
            for key, value in list(values.items()):
                metric.add_sample(name, dict(zip(labels, key, strict=True)), value)
            yield metric
