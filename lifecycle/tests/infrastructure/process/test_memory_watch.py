"""A replica is measured exactly when it has to be, and no more often: that walks all of its memory."""

import pytest
from lifecycle.infrastructure.process.memory_watch import Gauge
from lifecycle.infrastructure.process.process_table import PAGE_BYTES, ProcessEntry
from racetrack_commons.testing.clock import FakeClock

MEBI = 2**20
LIMIT = 1000 * MEBI


class FakeTable:
    """A table in which all processes together use what it is told, and which takes its time to find that out."""

    def __init__(self, clock):
        self.clock = clock
        self.used_bytes = 700 * MEBI
        self.seconds = 0.01
        self.measurements = 0

    def measure_bytes(self, _processes):
        self.measurements += 1
        self.clock.advance(self.seconds)
        return self.used_bytes


def a_family(rss_bytes, copied_bytes=0, size=8):
    """Make processes, which share most of their memory."""
    faults = copied_bytes // PAGE_BYTES
    return [
        ProcessEntry(pid, 1, 1, faults if pid == 1 else 0, 0, rss_bytes)
        for pid in range(1, size + 1)
    ]


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def table(clock):
    return FakeTable(clock)


@pytest.fixture
def gauge(clock):
    return Gauge(LIMIT, clock)


def look(gauge, table, clock, seconds, family):
    """Look four times a second; return what was found at last."""
    for _ in range(seconds * 4):
        found = gauge.measure(family, table)
        clock.advance(0.25)
    return found


def test_one_process_below_the_limit_is_not_walked(gauge, table, clock):
    assert look(gauge, table, clock, 60, a_family(900 * MEBI, size=1)) == 900 * MEBI
    assert table.measurements == 0


def test_processes_that_rest_are_measured_every_five_seconds(gauge, table, clock):
    assert look(gauge, table, clock, 60, a_family(600 * MEBI)) == 700 * MEBI
    assert table.measurements in (11, 12)


def test_a_measurement_that_takes_long_is_followed_by_a_long_rest(gauge, table, clock):
    table.seconds = 1

    look(gauge, table, clock, 99, a_family(600 * MEBI))

    assert table.measurements == 2


def test_growth_that_may_lead_beyond_the_limit_is_measured_at_once(gauge, table, clock):
    look(gauge, table, clock, 1, a_family(600 * MEBI))
    table.used_bytes = 1200 * MEBI

    assert gauge.measure(a_family(610 * MEBI), table) == 700 * MEBI
    assert gauge.measure(a_family(650 * MEBI), table) == 1200 * MEBI


def test_so_are_copies_of_shared_pages(gauge, table, clock):
    look(gauge, table, clock, 1, a_family(600 * MEBI))
    table.used_bytes = 1200 * MEBI

    assert gauge.measure(a_family(600 * MEBI, 200 * MEBI), table) == 700 * MEBI
    assert gauge.measure(a_family(600 * MEBI, 400 * MEBI), table) == 1200 * MEBI
