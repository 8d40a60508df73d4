from collections.abc import Mapping
from types import MappingProxyType

import pytest
from dashboard.pages.job.metrics import CallCounts, compare_counts, count_calls, parse_metrics


def read_counts(
    at: float,
    calls: float,
    errors: float = 0,
    buckets: Mapping[str, float] = MappingProxyType({}),
    process: float = 7,
) -> CallCounts:
    lines = [
        "# HELP requests_started_total Calls begun",
        "# TYPE requests_started_total counter",
        f"requests_started_total {calls}",
        f'request_internal_errors_total{{endpoint="/perform"}} {errors}',
        f"process_start_time_seconds {process}",
        f'request_duration_sum{{endpoint="/perform"}} {calls / 100}',
        f'request_duration_count{{endpoint="/perform"}} {calls}',
    ]
    lines += [
        f'request_duration_bucket{{endpoint="/perform",le="{bound}"}} {count}'
        for bound, count in buckets.items()
    ]
    counts = count_calls("\n".join(lines), at)
    assert counts is not None
    return counts


def test_samples_are_read_with_their_labels():
    text = r"""
# a comment
plain 1
labelled{a="x",b="quoted \"y\", with } and \\ and \n"} 2.5e3 1700000000
not_a_number{a="x"} many
nan NaN
"""

    samples = list(parse_metrics(text))

    assert [(each.name, each.value) for each in samples] == [("plain", 1.0), ("labelled", 2500.0)]
    assert samples[1].labels == {"a": "x", "b": 'quoted "y", with } and \\ and \n'}


def test_metrics_that_tell_nothing_of_calls_give_no_counts():
    assert count_calls("<html>404</html>\nup 1", at=0) is None


def test_rates_are_the_difference_of_two_readings():
    before = read_counts(at=100, calls=10, errors=1, buckets={"0.01": 10, "0.1": 10, "+Inf": 10})
    now = read_counts(at=110, calls=30, errors=3, buckets={"0.01": 20, "0.1": 30, "+Inf": 30})

    rates = compare_counts(before, now)

    assert rates is not None
    assert rates.calls_per_second == 2
    assert rates.errors_per_second == 0.2
    assert rates.mean_ms == pytest.approx(10)
    assert rates.p95_ms == pytest.approx(91)


@pytest.mark.parametrize(
    ("calls", "per_second", "mean_ms", "p95_ms"),
    [
        pytest.param(0, 0, None, None, id="without calls there are no durations"),
        pytest.param(5, 1, 10, 1000, id="beyond the last bound they count as that bound"),
    ],
)
def test_durations_need_calls_and_end_at_the_last_bound(calls, per_second, mean_ms, p95_ms):
    before = read_counts(at=100, calls=10, buckets={"1.0": 10, "+Inf": 10})
    now = read_counts(at=105, calls=10 + calls, buckets={"1.0": 10, "+Inf": 10 + calls})

    rates = compare_counts(before, now)

    assert rates is not None
    assert rates.calls_per_second == per_second
    assert rates.mean_ms == (None if mean_ms is None else pytest.approx(mean_ms))
    assert rates.p95_ms == p95_ms


def test_readings_of_different_replicas_are_not_compared():
    one = read_counts(at=100, calls=10, process=1)
    other = read_counts(at=105, calls=90, process=2)

    assert compare_counts(one, other) is None
    assert compare_counts(one, one) is None
