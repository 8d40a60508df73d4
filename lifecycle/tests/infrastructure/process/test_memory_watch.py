"""A replica is measured exactly when it has to be, and no more often: that walks all of its memory."""

import pytest
from lifecycle.infrastructure.process.memory_watch import Gauge
from lifecycle.infrastructure.process.process_table import PAGE_BYTES, ProcessEntry

MEBI = 2**20
LIMIT = 1000 * MEBI


class FakeTable:
    """A table in which all processes together use what it is told, and which counts how often it is asked."""

    def __init__(self, used_bytes):
        self.used_bytes = used_bytes
        self.measurements = 0

    def measure_bytes(self, _processes):
        self.measurements += 1
        return self.used_bytes


def a_family(rss_bytes, copied_bytes=0):
    """Make eight processes, which share most of their memory."""
    faults = copied_bytes // PAGE_BYTES
    return [ProcessEntry(pid, 1, 1, faults if pid == 1 else 0, 0, rss_bytes) for pid in range(1, 9)]


@pytest.fixture
def table():
    return FakeTable(700 * MEBI)


@pytest.fixture
def gauge(table):
    gauge = Gauge(LIMIT)
    gauge.measure(a_family(600 * MEBI), table, now=100)
    return gauge


def test_processes_that_rest_are_measured_now_and_then(gauge, table):
    for tenths in range(49):
        assert gauge.measure(a_family(600 * MEBI), table, now=100 + tenths / 10) == 700 * MEBI
    assert table.measurements == 1

    gauge.measure(a_family(600 * MEBI), table, now=105)

    assert table.measurements == 2


def test_growth_is_measured_at_once(gauge, table):
    table.used_bytes = 900 * MEBI

    assert gauge.measure(a_family(650 * MEBI), table, now=100.1) == 900 * MEBI


def test_copies_of_shared_pages_are_measured_when_they_may_lead_beyond_the_limit(gauge, table):
    table.used_bytes = 1200 * MEBI

    assert gauge.measure(a_family(600 * MEBI, 200 * MEBI), table, now=100.1) == 700 * MEBI
    assert gauge.measure(a_family(600 * MEBI, 400 * MEBI), table, now=100.2) == 1200 * MEBI
