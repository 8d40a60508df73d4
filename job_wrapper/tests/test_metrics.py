"""The page of metrics: the job's own gauges and collectors keep their labels, and a wrong one costs only itself."""

from collections.abc import Iterable
from typing import Any

import pytest
from prometheus_client import REGISTRY, Counter, Gauge
from prometheus_client.core import Metric


class Measured:
    def __init__(self, *items: Any) -> None:
        self.items: Iterable[Any] = items

    def perform(self) -> int:
        return 1

    def metrics(self) -> Any:
        return self.items


@pytest.fixture
def read_metrics(serve_job):
    """A function that returns the lines of the page of metrics of a job with these gauges."""

    def read(*items):
        return serve_job(Measured(*items)).get("/metrics").text.splitlines()

    return read


@pytest.fixture
def registered():
    """A list of collectors of the job, which are removed from the default registry after the test."""
    collectors: list[Any] = []
    yield collectors
    for each in collectors:
        REGISTRY.unregister(each)


def test_samples_of_one_name_keep_their_own_labels(read_metrics):
    lines = read_metrics(
        {"name": "m", "value": 1, "labels": {"a": "A"}, "description": "two\nlines"},
        {"name": "m", "value": 2, "labels": {"c": "C"}},
        {"name": "m", "value": 3, "labels": {"b": "B", "a": 'quote " back \\ line\nend'}},
        {"name": "m", "value": 4},
    )

    start = lines.index("# TYPE m gauge")
    assert lines[start - 1] == r"# HELP m two\nlines"
    assert lines[start + 1 : start + 5] == [
        'm{a="A"} 1.0',
        'm{c="C"} 2.0',
        r'm{a="quote \" back \\ line\nend",b="B"} 3.0',
        "m 4.0",
    ]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"name": "n", "value": "x"}, "its value 'x' is not a number"),
        ({"name": "n", "value": 1j}, "its value 1j is not a number"),
        ({"name": "n"}, "it has no value"),
        ({"value": 1}, "it has no name"),
        ({"name": "", "value": 1}, "its name is empty"),
        (("n", 1), "it is a tuple"),
        (None, "it is a NoneType"),
        ({"name": "n", "value": 1, "labels": ["a"]}, "its labels are a list"),
        ({"name": "n", "value": 1, "labels": {"a-b": 1, "a_b": 2}}, "names of labels must differ"),
        ({"name": "n", "value": 1, "labels": {"__name__": "m"}}, "must not begin with __"),
        ({"name": "first", "value": 5}, "there is a first with the same labels {} already"),
    ],
)
def test_a_wrong_gauge_costs_one_line_and_is_named_once(serve_job, caplog, wrong, reason):
    job = Measured({"name": "first", "value": 1}, wrong, {"name": "last", "value": 7})
    client = serve_job(job)

    pages = [client.get("/metrics").text for _ in range(2)]

    assert pages[0].count("\nfirst 1.0\n") == pages[0].count("\nlast 7.0\n") == 1
    assert [line for line in pages[0].splitlines() if line.startswith("n")] == []
    named = [record.getMessage() for record in caplog.records if reason in record.getMessage()]
    assert len(named) == 1


def test_names_and_texts_that_prometheus_cannot_read_are_mended(read_metrics):
    lines = read_metrics(
        {"name": "bad name", "value": 1, "labels": {"my-label": "\udce9"}},
        {"name": "1st", "value": True},
        {"name": "nothing", "value": None},
    )

    assert r'bad_name{my_label="\\udce9"} 1.0' in lines
    assert "_1st 1.0" in lines
    assert not any("nothing" in line for line in lines)


def test_a_gauge_that_takes_a_published_name_later_is_left_out(serve_job, caplog):
    job = Measured()
    client = serve_job(job)
    job.items = [{"name": name, "value": 5} for name in ("last_call_timestamp", "process_open_fds")]

    text = client.get("/metrics").text

    assert text.count("# TYPE last_call_timestamp ") == text.count("# TYPE process_open_fds ") == 1
    assert "last_call_timestamp 5.0" not in text
    assert "the metric last_call_timestamp of the job is left out: there is another" in caplog.text


def test_a_counter_of_the_job_that_takes_a_published_name_is_left_out(
    serve_job, registered, caplog
):
    registered.append(Counter("requests_started", "mine"))

    text = serve_job(Measured()).get("/metrics").text

    assert text.count("# TYPE requests_started_total counter") == 1
    assert "mine" not in text
    assert "the metric requests_started of the job is left out" in caplog.text


class Unlabelled:
    """A collector of the job whose labels are no texts."""

    def collect(self) -> Iterable[Metric]:
        family = Metric("odd", "labels that are no texts", "gauge")
        family.add_sample("odd", {"a": 1}, 1)  # type: ignore[dict-item]
        return [family]


def test_a_collector_of_the_job_that_fails_hides_no_other(serve_job, registered, caplog):
    gauge = Gauge("fails", "by dividing by zero")
    gauge.set_function(lambda: 1 / 0)
    registered += [gauge, Unlabelled(), Gauge("good", "a good one")]
    REGISTRY.register(registered[1])

    response = serve_job(Measured()).get("/metrics")

    assert response.status_code == 200
    assert "\ngood 0.0\n" in response.text
    assert "process_resident_memory_bytes" in response.text
    assert "requests_started_total" in response.text
    assert "ZeroDivisionError" in caplog.text
    assert "the metric odd of the job is left out" in caplog.text
