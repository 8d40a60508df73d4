import pytest
from dashboard.pages.job.metrics import compare_counts, count_calls, parse_metrics


def make_metrics(calls: float, errors: float, buckets: dict[str, float], process: float = 7) -> str:
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
    return "\n".join(lines)


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
    before = count_calls(make_metrics(10, 1, {"0.01": 10, "0.1": 10, "+Inf": 10}), at=100)
    now = count_calls(make_metrics(30, 3, {"0.01": 20, "0.1": 30, "+Inf": 30}), at=110)
    assert before is not None
    assert now is not None

    rates = compare_counts(before, now)

    assert rates is not None
    assert rates.calls_per_second == 2
    assert rates.errors_per_second == 0.2
    assert rates.mean_ms == pytest.approx(10)
    assert rates.p95_ms == pytest.approx(91)


def test_without_calls_there_are_no_durations():
    counts = count_calls(make_metrics(10, 0, {"0.01": 10, "+Inf": 10}), at=100)
    later = count_calls(make_metrics(10, 0, {"0.01": 10, "+Inf": 10}), at=105)
    assert counts is not None
    assert later is not None

    rates = compare_counts(counts, later)

    assert rates is not None
    assert (rates.calls_per_second, rates.mean_ms, rates.p95_ms) == (0, None, None)


def test_calls_beyond_the_last_bound_count_as_that_bound():
    before = count_calls(make_metrics(0, 0, {"1.0": 0, "+Inf": 0}), at=100)
    now = count_calls(make_metrics(5, 0, {"1.0": 0, "+Inf": 5}), at=105)
    assert before is not None
    assert now is not None

    rates = compare_counts(before, now)

    assert rates is not None
    assert rates.p95_ms == 1000


def test_readings_of_different_replicas_are_not_compared():
    one = count_calls(make_metrics(10, 0, {}, process=1), at=100)
    other = count_calls(make_metrics(90, 0, {}, process=2), at=105)
    assert one is not None
    assert other is not None

    assert compare_counts(one, other) is None
    assert compare_counts(one, one) is None
