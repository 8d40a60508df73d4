import time

import pytest


def test_the_callers_of_a_job_are_shown(logged_in, lifecycle, answer):
    now = int(time.time())
    of_anna = {
        "job_version": "0.0.2",
        "caller": "User anna",
        "count": 3,
        "last_call_time": now - 3600,
    }
    without_token = of_anna | {"caller": "", "count": 1}
    lifecycle.on("GET calls/adder?days=30", answer([of_anna, without_token]))

    lines = logged_in("calls", "adder", "--last", "30d").stdout.splitlines()

    assert lines[1].split("   ")[0] == "User anna"
    assert lines[1].split()[2:4] == ["0.0.2", "3"]
    assert lines[2].split()[:3] == ["-", "0.0.2", "1"]


@pytest.mark.parametrize("last", ["0d", "week", "7h", "-1"])
def test_the_time_is_a_number_of_days(logged_in, last):
    assert "such as 7d" in logged_in("calls", "adder", f"--last={last}").stderr


def test_a_caller_who_may_see_no_calls_is_told_the_missing_permission(logged_in, lifecycle, answer):
    lacking = "User anna lacks the permission read_job on job adder"
    lifecycle.on("GET calls/adder?days=7", answer([]))
    lifecycle.on("GET deploy?job_name=adder&limit=1", answer({"error": lacking}, 401), answer([]))
    lifecycle.on("GET job", answer([{"name": "adder", "version": "0.0.2"}]))

    assert lacking in logged_in("calls", "adder").stderr
    assert "no call of adder was recorded in the last 7 days" in logged_in("calls", "adder").stderr
