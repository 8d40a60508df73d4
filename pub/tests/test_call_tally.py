from pub.call_tally import CallTally
from racetrack_commons.testing.serving import wait_until

URL = "/pub/job/adder/latest"


def show(counts):
    return sorted((each.job_name, each.job_version, each.caller, each.count) for each in counts)


def test_calls_are_counted_by_job_and_caller():
    tally = CallTally()
    for caller in ("User anna", "User anna", None):
        tally.note("adder", "1.0.0", caller, "/api/v1/perform")

    assert show(tally.take()) == [("adder", "1.0.0", "", 1), ("adder", "1.0.0", "User anna", 2)]
    assert tally.take() == []


def test_probes_without_a_token_are_no_calls():
    tally = CallTally()
    tally.note("adder", "1.0.0", None, "/live")
    tally.note("adder", "1.0.0", "User anna", "/live")
    assert show(tally.take()) == [("adder", "1.0.0", "User anna", 1)]


def test_looks_at_a_job_are_no_calls():
    tally = CallTally()
    for path in ("/metrics", "/openapi.json"):
        tally.note("adder", "1.0.0", "User anna", path)
    assert tally.take() == []


def test_what_could_not_be_reported_is_added_to_what_came_meanwhile():
    tally = CallTally()
    tally.note("adder", "1.0.0", "User anna", "/")
    taken = tally.take()
    tally.note("adder", "1.0.0", "User anna", "/")
    tally.put_back(taken)
    assert show(tally.take()) == [("adder", "1.0.0", "User anna", 2)]


def test_the_memory_of_callers_is_bounded():
    tally = CallTally()
    for number in range(10_100):
        tally.note("adder", "1.0.0", f"User {number}", "/")
    counts = tally.take()
    assert len(counts) == 10_001
    assert sum(each.count for each in counts) == 10_100


def test_a_gateway_reports_calls_again_until_lifecycle_takes_them(start_pub, job, lifecycle):
    pub = start_pub(call_report_seconds=0.05)
    lifecycle.refused_reports = 2
    assert pub.post(URL, json={}).status_code == 200
    assert pub.get(f"{URL}/page", headers={"Accept": "text/html"}).status_code == 200

    wait_until(lambda: lifecycle.reported_calls() == {("adder", "0.0.2", "User alice"): 2})
