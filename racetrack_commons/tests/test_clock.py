import threading

from racetrack_commons.clock import Clock
from racetrack_commons.testing.clock import FakeClock


def test_a_fake_clock_passes_time_only_for_those_who_sleep_or_wait():
    clock = FakeClock()
    start = clock.now()
    clock.sleep(5)
    clock.advance(1)
    assert not clock.wait(threading.Event(), 4)

    assert (clock.now() - start).total_seconds() == clock.monotonic() == 10
    assert clock.sleeps == [5, 4]


def test_waiting_for_what_has_come_takes_no_time():
    event = threading.Event()
    event.set()
    clock = FakeClock()

    assert clock.wait(event, 60)
    assert clock.monotonic() == 0
    assert Clock().wait(event, 60)


def test_the_real_clock_is_aware_of_its_zone_and_runs_forward():
    clock = Clock()

    assert clock.now().utcoffset() is not None
    before = clock.monotonic()
    clock.sleep(-1)
    assert clock.monotonic() >= before
