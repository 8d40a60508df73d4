import threading

import pytest
from racetrack_commons.testing.serving import wait_until

URL = "/pub/job/adder/latest/x"


@pytest.fixture
def start_watched_pub(start_pub, lifecycle):
    """Start a gateway, and wait until it follows the stream of changes."""

    def start(**settings):
        pub = start_pub(**settings)
        wait_until(lambda: lifecycle.streams == 1)
        assert pub.get("/pub/job/adder/latest/open").status_code == 200
        lifecycle.asked.clear()
        return pub

    return start


def test_lifecycle_is_asked_once_for_the_same_call(start_watched_pub, lifecycle, job):
    pub = start_watched_pub()
    for _ in range(5):
        assert pub.get(URL).status_code == 200
    assert len(lifecycle.asked) == 1
    assert pub.get(f"{URL}/other").status_code == 200
    assert len(lifecycle.asked) == 2


def test_callers_at_the_same_time_share_a_question(start_watched_pub, lifecycle, job):
    pub = start_watched_pub()
    lifecycle.delay_seconds = 0.2
    callers = [threading.Thread(target=pub.get, args=(URL,)) for _ in range(10)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(lifecycle.asked) == 1


def test_a_revoked_permission_counts_within_a_second(start_watched_pub, lifecycle, job):
    pub = start_watched_pub()
    assert pub.get(URL).status_code == 200
    lifecycle.is_revoked = True
    lifecycle.announce("auth")
    wait_until(lambda: pub.get(URL).status_code == 401, seconds=1)


def test_an_answer_that_was_on_its_way_during_a_change_does_not_count(
    start_watched_pub, lifecycle, job
):
    pub = start_watched_pub()
    lifecycle.delay_seconds = 0.3
    first = threading.Thread(target=pub.get, args=(URL,))
    first.start()
    wait_until(lambda: lifecycle.asked)
    lifecycle.announce("auth")
    first.join()
    assert pub.get(URL).status_code == 200
    assert len(lifecycle.asked) == 2


def test_a_change_of_one_job_leaves_the_answers_about_others(start_watched_pub, lifecycle, job):
    pub = start_watched_pub()
    pub.get(URL)
    lifecycle.announce("job", "another")
    lifecycle.announce("job", "adder")
    wait_until(lambda: pub.get(URL) and len(lifecycle.asked) == 2)


def test_answers_are_good_for_their_time(start_watched_pub, lifecycle, job, clock):
    pub = start_watched_pub(clock=clock)
    pub.get(URL)
    clock.advance(59)
    pub.get(URL)
    assert len(lifecycle.asked) == 1
    clock.advance(2)
    pub.get(URL)
    assert len(lifecycle.asked) == 2


def test_a_token_ends_when_it_expires(start_watched_pub, lifecycle, job, clock):
    pub = start_watched_pub(clock=clock)
    lifecycle.valid_seconds = 5
    assert pub.get(URL).status_code == 200
    lifecycle.is_revoked = True
    clock.advance(4)
    assert pub.get(URL).status_code == 200
    clock.advance(1)
    assert pub.get(URL).status_code == 401


def test_a_token_ends_when_it_expires_though_lifecycle_is_away(
    start_watched_pub, lifecycle, job, clock
):
    pub = start_watched_pub(clock=clock)
    lifecycle.valid_seconds = 70
    assert pub.get(URL).status_code == 200
    lifecycle.status = 500
    clock.advance(69)
    assert pub.get(URL).status_code == 200
    clock.advance(1)
    assert pub.get(URL).status_code == 503


def test_refusals_are_good_for_a_second(start_watched_pub, lifecycle, job, clock):
    pub = start_watched_pub(clock=clock)
    for _ in range(3):
        assert pub.get(URL, headers={"X-Racetrack-Auth": "bad"}).status_code == 401
    assert len(lifecycle.asked) == 1
    clock.advance(1)
    pub.get(URL, headers={"X-Racetrack-Auth": "bad"})
    assert len(lifecycle.asked) == 2


def test_answers_are_good_for_a_second_while_changes_do_not_arrive(
    start_pub, lifecycle, job, clock
):
    lifecycle.is_streaming = False
    pub = start_pub(clock=clock)
    for _ in range(3):
        assert pub.get(URL).status_code == 200
    assert len(lifecycle.asked) == 1
    lifecycle.is_revoked = True
    clock.advance(1)
    assert pub.get(URL).status_code == 401


def test_what_was_missed_while_the_stream_was_broken_is_asked_again(
    start_watched_pub, lifecycle, job
):
    pub = start_watched_pub()
    assert pub.get(URL).status_code == 200
    lifecycle.is_streaming = False
    lifecycle.is_revoked = True
    wait_until(lambda: pub.get(URL).status_code == 401)
    lifecycle.is_revoked = False
    lifecycle.is_streaming = True
    wait_until(lambda: lifecycle.streams > 1)
    wait_until(lambda: pub.get(URL).status_code == 200)


def test_known_callers_go_on_while_lifecycle_fails_and_unknown_ones_wait(
    start_watched_pub, lifecycle, job
):
    pub = start_watched_pub()
    assert pub.get(URL).status_code == 200
    lifecycle.status = 500
    lifecycle.announce("auth")
    for _ in range(3):
        assert pub.get(URL).status_code == 200
    unknown = pub.get("/pub/job/adder/latest/other")
    assert (unknown.status_code, unknown.headers["retry-after"]) == (503, "2")
    assert unknown.json()["error"] == (
        "Proxy request error: Lifecycle does not answer now, try again"
    )


def test_a_route_from_before_a_change_of_the_job_does_not_stand_in(
    start_watched_pub, lifecycle, job
):
    pub = start_watched_pub()
    assert pub.get(URL).status_code == 200
    lifecycle.status = 500
    lifecycle.announce("job", "another")
    assert pub.get(URL).status_code == 200
    lifecycle.announce("job", "adder")
    wait_until(lambda: pub.get(URL).status_code == 503)
    lifecycle.status = 200
    wait_until(lambda: pub.get(URL).status_code == 200)


def test_an_outage_is_survived_for_a_bounded_time_only(start_watched_pub, lifecycle, job, clock):
    pub = start_watched_pub(clock=clock)
    assert pub.get(URL).status_code == 200
    lifecycle.status = 500
    clock.advance(599)
    assert pub.get(URL).status_code == 200
    clock.advance(2)
    assert pub.get(URL).status_code == 503


def test_a_refusal_is_never_overruled_by_an_outage(start_watched_pub, lifecycle, job, clock):
    pub = start_watched_pub(clock=clock)
    assert pub.get(URL).status_code == 200
    lifecycle.is_revoked = True
    clock.advance(61)
    assert pub.get(URL).status_code == 401
    lifecycle.status = 500
    clock.advance(61)
    assert pub.get(URL).status_code == 503


def test_a_lifecycle_that_hangs_holds_known_callers_up_once(
    start_watched_pub, lifecycle, job, clock
):
    pub = start_watched_pub(clock=clock)
    assert pub.get(URL).status_code == 200
    lifecycle.delay_seconds = 30
    clock.advance(61)
    for _ in range(20):
        assert pub.get(URL).status_code == 200
    assert len(lifecycle.asked) == 2


def test_ends_of_async_calls_make_nothing_forgotten(start_watched_pub, lifecycle, job):
    pub = start_watched_pub()
    assert pub.get(URL).status_code == 200
    lifecycle.announce("async_call", "an id")
    lifecycle.announce("job", "another")
    wait_until(lambda: lifecycle.sent == 2)
    assert pub.get(URL).status_code == 200
    assert len(lifecycle.asked) == 1
