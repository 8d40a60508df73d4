import threading

from racetrack_commons.testing.waiting import wait_until

URL = "/pub/job/adder/latest/x"


def test_lifecycle_is_asked_once_for_the_same_call(pub, lifecycle, start_job, make_job):
    lifecycle.address = start_job(make_job())
    wait_until(lambda: lifecycle.streams == 1)
    pub.get(URL)
    asked = len(lifecycle.asked)
    for _ in range(5):
        assert pub.get(URL).status_code == 200
    assert len(lifecycle.asked) == asked


def test_a_revoked_permission_counts_within_a_second(pub, lifecycle, start_job, make_job):
    lifecycle.address = start_job(make_job())
    wait_until(lambda: lifecycle.streams == 1)
    assert pub.get(URL).status_code == 200
    lifecycle.revoked = True
    lifecycle.announce("auth")
    wait_until(lambda: pub.get(URL).status_code == 401, seconds=1)


def test_known_callers_go_on_while_lifecycle_fails_and_unknown_ones_wait(
    pub, lifecycle, start_job, make_job
):
    lifecycle.address = start_job(make_job())
    assert pub.get(URL).status_code == 200
    lifecycle.status = 500
    lifecycle.announce("auth")
    for _ in range(3):
        assert pub.get(URL).status_code == 200
    unknown = pub.get("/pub/job/adder/latest/other")
    assert (unknown.status_code, unknown.headers["retry-after"]) == (503, "2")


def test_no_call_fails_while_the_job_moves(pub, lifecycle, start_job, make_job):
    old, new = make_job("old"), make_job("new")
    lifecycle.address = start_job(old)
    next_address = start_job(new)
    statuses, stop = [], threading.Event()

    def call():
        while not stop.is_set():
            statuses.append(pub.post(URL, json={}).status_code)

    callers = [threading.Thread(target=call) for _ in range(4)]
    for caller in callers:
        caller.start()
    wait_until(lambda: old.calls > 50)
    lifecycle.address = next_address
    lifecycle.announce("job", "adder")
    wait_until(lambda: new.calls > 50)
    moved_at = old.calls
    stop.set()
    for caller in callers:
        caller.join()
    assert set(statuses) == {200}
    assert old.calls == moved_at


def test_metrics_have_their_contract_names(pub, lifecycle, start_job, make_job):
    lifecycle.address = start_job(make_job())
    pub.get(URL)
    text = pub.get("/metrics").text
    assert 'pub_job_proxy_requests{job_name="adder",job_version="0.0.2"} 1.0' in text
    assert "pub_job_proxy_requests_done" in text
