import json

TASKS = "/pub/async/task"


def a_call(task_id: str, **values: object) -> dict[str, object]:
    usual = {
        "status": "ongoing",
        "job_name": "adder",
        "job_version": "0.0.1",
        "job_path": "/api/v1/perform",
        "started_at": "2026-01-31T12:00:00Z",
        "ended_at": None,
        "error": None,
    }
    return {"task_id": task_id} | usual | values


def test_own_calls_are_listed(logged_in, lifecycle, answer):
    failed = a_call("two", status="failed", error="no\nanswer", ended_at="2026-01-31T12:00:01Z")
    lifecycle.on(f"GET {TASKS}?limit=20", answer([a_call("one"), failed]))

    lines = logged_in("async", "list").stdout.splitlines()

    assert lines[0].split() == ["ID", "STATUS", "JOB", "PATH", "STARTED", "ENDED", "ERROR"]
    assert lines[1].split() == [
        *("one", "ongoing", "adder", "0.0.1", "/api/v1/perform", "2026-01-31T12:00:00Z")
    ]
    assert lines[2].endswith("2026-01-31T12:00:01Z   no answer")
    shown = logged_in("async", "list", "-o", "json").stdout
    assert [each["task_id"] for each in json.loads(shown)] == ["one", "two"]


def test_lists_are_filtered(logged_in, lifecycle, answer):
    lifecycle.on(f"GET {TASKS}?job=adder&status=failed&limit=3", answer([]))

    done = logged_in("async", "list", "adder", "--status", "failed", "--limit", "3")

    assert (done.returncode, done.stdout) == (0, "")
    assert "no async calls" in done.stderr


def test_a_call_is_cancelled(logged_in, lifecycle, answer):
    lifecycle.on(f"DELETE {TASKS}/one", answer({"task_id": "one", "status": "failed"}))

    assert "async call one is over: failed" in logged_in("async", "cancel", "one").stderr
    assert lifecycle.received[-1].headers["X-Racetrack-Auth"] == "the-token"


def test_a_call_that_is_not_there_can_not_be_cancelled(logged_in, lifecycle, answer):
    missing = answer({"error": "Task not found in Lifecycle: Async task not found"}, 404)
    lifecycle.on(f"DELETE {TASKS}/gone", missing)

    done = logged_in("async", "cancel", "gone")

    assert done.returncode != 0
    assert "Async task not found" in done.stderr
