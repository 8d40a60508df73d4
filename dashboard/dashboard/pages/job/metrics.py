"""The calls of a job, as its metrics in Prometheus' text format tell them."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_LINE = re.compile(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+\S+)?\s*$")
_LABEL = re.compile(r'([a-zA-Z_]\w*)\s*=\s*"((?:[^"\\]|\\.)*)"')
_ESCAPES = {r"\n": "\n", r"\\": "\\", r"\"": '"'}


@dataclass(frozen=True)
class MetricSample:
    """One value of a metric."""

    name: str
    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True)
class Durations:
    """The times that calls of a replica took: since its start, or between two readings."""

    calls: float
    seconds: float
    """The time of all these calls together."""
    buckets: Mapping[float, float]
    """The number of calls by the most seconds that they took."""

    @property
    def mean_ms(self) -> float | None:
        """The mean time of a call, or None without calls."""
        return self.seconds / self.calls * 1000 if self.calls > 0 else None

    def subtract(self, earlier: "Durations") -> "Durations":
        """Return the times of the calls since an earlier reading."""
        return Durations(
            calls=self.calls - earlier.calls,
            seconds=self.seconds - earlier.seconds,
            buckets={
                bound: count - earlier.buckets.get(bound, 0)
                for bound, count in self.buckets.items()
            },
        )

    def find_quantile_ms(self, share: float) -> float | None:
        """Return the time that a share of the calls took at most, or None without calls.

        It lies between the bounds of its bucket.
        """
        counts = sorted(self.buckets.items())
        total = counts[-1][1] if counts else 0
        if total <= 0:
            return None
        wanted, low_bound, low_count = share * total, 0.0, 0.0
        for bound, count in counts:
            if count >= wanted and count > low_count:
                if math.isinf(bound):
                    return low_bound * 1000
                part = (wanted - low_count) / (count - low_count)
                return (low_bound + (bound - low_bound) * max(part, 0)) * 1000
            low_bound, low_count = bound, count
        return None


@dataclass(frozen=True)
class CallCounts:
    """The counts of a replica of a job since its start."""

    at: float
    """The time of the reading, in seconds since 1970."""
    process: float
    """The start of the replica: other replicas have other counts."""
    calls: float
    errors: float
    durations: Durations


@dataclass(frozen=True)
class CallRates:
    """The calls of a replica between two readings of its metrics."""

    at: float
    calls_per_second: float
    errors_per_second: float
    mean_ms: float | None
    p95_ms: float | None


def parse_metrics(text: str) -> Iterator[MetricSample]:
    """Yield the samples of a text; lines that are none are left out."""
    for line in text.splitlines():
        match = None if line.startswith("#") else _LINE.match(line)
        value = _read_number(match[3]) if match else None
        if match and value is not None:
            yield MetricSample(match[1], dict(_read_labels(match[2] or "")), value)


def count_calls(text: str, at: float) -> CallCounts | None:
    """Return what a replica has counted, or None if its metrics tell nothing of calls."""
    sums: dict[str, float] = {}
    buckets: dict[float, float] = {}
    for sample in parse_metrics(text):
        sums[sample.name] = sums.get(sample.name, 0) + sample.value
        if sample.name == "request_duration_bucket":
            bound = _read_number(sample.labels.get("le", ""))
            if bound is not None:
                buckets[bound] = buckets.get(bound, 0) + sample.value
    calls = sums.get("requests_started_total")
    if calls is None:
        return None
    return CallCounts(
        at=at,
        process=sums.get("process_start_time_seconds", 0),
        calls=calls,
        errors=sums.get("request_internal_errors_total", 0),
        durations=Durations(
            calls=sums.get("request_duration_count", 0),
            seconds=sums.get("request_duration_sum", 0),
            buckets=buckets,
        ),
    )


def compare_counts(before: CallCounts, now: CallCounts) -> CallRates | None:
    """Return the rates between two readings, or None if they are not of one process."""
    elapsed = now.at - before.at
    if before.process != now.process or elapsed <= 0 or now.calls < before.calls:
        return None
    durations = now.durations.subtract(before.durations)
    return CallRates(
        at=now.at,
        calls_per_second=(now.calls - before.calls) / elapsed,
        errors_per_second=max(now.errors - before.errors, 0) / elapsed,
        mean_ms=durations.mean_ms,
        p95_ms=durations.find_quantile_ms(0.95),
    )


def _read_labels(text: str) -> Iterator[tuple[str, str]]:
    for match in _LABEL.finditer(text):
        yield match[1], re.sub(r'\\[n\\"]', lambda found: _ESCAPES[found[0]], match[2])


def _read_number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return None if math.isnan(number) else number
