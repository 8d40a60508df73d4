import threading

from lifecycle_supervisor.periodic import PeriodicTask, TaskRunner
from prometheus_client import CollectorRegistry


def test_a_failing_or_hanging_task_does_not_hold_up_the_others():
    registry = CollectorRegistry()
    hanging, ran = threading.Event(), threading.Semaphore(0)

    def fail() -> None:
        raise RuntimeError("broken")

    tasks = [
        PeriodicTask("hangs", 0.01, hanging.wait),
        PeriodicTask("fails", 0.01, fail),
        PeriodicTask("works", 0.01, ran.release),
    ]
    runner = TaskRunner(tasks, registry)
    runner.start()
    for _ in range(3):
        assert ran.acquire(timeout=5)
    hanging.set()
    runner.stop()
    assert (
        registry.get_sample_value("supervisor_task_failures_total", {"task": "fails"}) or 0
    ) >= 1
    assert registry.get_sample_value("supervisor_task_failures_total", {"task": "works"}) is None


def test_a_task_that_is_woken_does_not_wait_for_its_interval():
    ran = threading.Semaphore(0)
    task = PeriodicTask("sleeps", 3600, ran.release)
    runner = TaskRunner([task], CollectorRegistry())
    runner.start()
    assert ran.acquire(timeout=5)

    for _ in range(3):
        task.woken.set()
        assert ran.acquire(timeout=5)
    assert not ran.acquire(timeout=0.3)

    runner.stop()
    assert not [one for one in threading.enumerate() if one.name == "sleeps"]
