"""Metrics of the gateway. Their names carry no `_total`: dashboards of older installations query them without it."""

from bisect import bisect_left
from collections.abc import Iterable
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import HistogramMetricFamily, Metric
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
_CODES = "pub_job_proxy_response_codes"
_HISTOGRAM = "pub_job_call_response_time_histogram"
_BY_JOB = {
    "pub_job_proxy_requests": ("Calls that Lifecycle allowed", "requests"),
    "pub_job_proxy_requests_started": ("Calls sent to jobs", "started"),
    "pub_job_proxy_requests_done": ("Calls that ended", "done"),
    "pub_async_job_calls_started": ("Async calls that were accepted", "async_started"),
    "pub_async_job_calls_done": ("Async calls that ended", "async_done"),
    "pub_job_call_response_time": ("Seconds of calls", "seconds"),
}
"""Each counter of a job: its text, and the attribute of `JobCounters` that holds it."""
_BOUNDS = [0.001 * 2**power for power in range(21)]
_BUCKETS = [*(str(bound) for bound in _BOUNDS), "+Inf"]


class JobCounters:
    """The counters of one version of a job; each call changes them in place."""

    __slots__ = (
        "_buckets",
        "async_done",
        "async_started",
        "codes",
        "done",
        "requests",
        "seconds",
        "started",
    )

    def __init__(self) -> None:
        self.requests = 0
        self.started = 0
        self.done = 0
        self.async_started = 0
        self.async_done = 0
        self.seconds = 0.0
        self.codes: dict[str, int] = {}
        self._buckets = [0] * len(_BUCKETS)

    def note_status(self, status: str) -> None:
        """Count an answer of the job."""
        self.codes[status] = self.codes.get(status, 0) + 1

    def note_seconds(self, seconds: float) -> None:
        """Count a call that has ended, and the seconds it took."""
        self.done += 1
        self.seconds += seconds
        self._buckets[bisect_left(_BOUNDS, seconds)] += 1

    def list_buckets(self) -> list[tuple[str, float]]:
        """List the upper bound of each bucket, and the number of calls below it."""
        below = accumulate(self._buckets)
        return [(bound, float(count)) for bound, count in zip(_BUCKETS, below, strict=True)]


class PubMetrics(Collector):
    """The counters of the gateway, by their contract names, and the histogram of call times."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.tally = CallTally()
        self._plain: dict[str, float] = dict.fromkeys(_PLAIN, 0.0)
        self._jobs: dict[tuple[str, str], JobCounters] = {}
        registry.register(self)

    def count(self, name: str, by: float = 1) -> None:
        """Add `by` to a counter."""
        self._plain[name] += by

    def of_job(self, name: str, version: str) -> JobCounters:
        """Return the counters of a job."""
        counters = self._jobs.get((name, version))
        if counters is None:
            counters = self._jobs[name, version] = JobCounters()
        return counters

    def count_for(self, name: str, *labels: str) -> None:
        """Add one to a counter of a job; `labels` are its name and version, then a status code where there is one."""
        counters = self.of_job(labels[0], labels[1])
        if name == _CODES:
            counters.note_status(labels[2])
        else:
            attribute = _BY_JOB[name][1]
            setattr(counters, attribute, getattr(counters, attribute) + 1)

    def note_call(self, name: str, version: str, seconds: float) -> None:
        """Count a call of a job that has ended, and the seconds it took."""
        self.note_seconds(self.of_job(name, version), seconds)

    def note_seconds(self, counters: JobCounters, seconds: float) -> None:
        """Count a call that has ended, and the seconds it took."""
        counters.note_seconds(seconds)
        self._plain["pub_overall_job_proxy_response_time"] += seconds

    def collect(self) -> Iterable[Metric]:
        """Yield the counters, as prometheus_client asks for them."""
        for name, value in self._plain.items():
            metric = Metric(name, _PLAIN[name], "unknown")
            metric.add_sample(name, {}, value)
            yield metric
        jobs = list(self._jobs.items())
        for name, (text, attribute) in _BY_JOB.items():
            metric = Metric(name, text, "unknown")
            for labels, counters in jobs:
                if value := getattr(counters, attribute):
                    metric.add_sample(name, dict(zip(_PER_JOB, labels, strict=True)), value)
            yield metric
        yield _describe_codes(jobs)
        yield _describe_seconds(jobs)


def _describe_codes(jobs: list[tuple[tuple[str, str], JobCounters]]) -> Metric:
    metric = Metric(_CODES, "Answers of jobs by status", "unknown")
    for labels, counters in jobs:
        for code, value in list(counters.codes.items()):
            named = dict(zip(_PER_JOB, labels, strict=True)) | {"status_code": code}
            metric.add_sample(_CODES, named, value)
    return metric


def _describe_seconds(jobs: list[tuple[tuple[str, str], JobCounters]]) -> Metric:
    metric = HistogramMetricFamily(_HISTOGRAM, "Seconds of a job call", labels=_PER_JOB)
    for labels, counters in jobs:
        if counters.done:
            metric.add_metric(labels, counters.list_buckets(), counters.seconds)
    return metric
