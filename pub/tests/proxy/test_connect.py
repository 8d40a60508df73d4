import threading
from contextlib import contextmanager

from pub.proxy.connect import EJECTED_SECONDS, GIVEN_UP_SECONDS, Replicas
from pub.routing.route import Route
from pub.testing.jobs import FakeJob
from racetrack_commons.testing.serving import free_port, running_server, wait_until

URL = "/pub/job/adder/latest/x"
BROKEN_AT_ONCE = "Reverse proxy error: connection broken to a target job (job may have died)"


def test_no_call_fails_while_the_job_moves(pub, lifecycle, start_job):
    old, new = FakeJob("old"), FakeJob("new")
    lifecycle.address = start_job(old)
    next_address = start_job(new)
    with calling(pub) as statuses:
        wait_until(lambda: old.calls > 50)
        lifecycle.address = next_address
        lifecycle.announce("job", "adder")
        wait_until(lambda: new.calls > 50)
        moved_at = old.calls
    assert set(statuses) == {200}
    assert old.calls == moved_at


def test_no_call_fails_when_the_news_of_a_move_is_late(pub, lifecycle, start_job):
    old, new = FakeJob("old"), FakeJob("new")
    next_address = start_job(new)
    with running_server(old) as old_url:
        lifecycle.address = old_url.removeprefix("http://")
        assert pub.post(URL, json={}).json()["name"] == "old"
        lifecycle.address = next_address
    assert pub.post(URL, json={}).json()["name"] == "new"


def test_a_job_that_restarts_at_its_address_is_waited_for(pub, lifecycle, start_raw_job):
    port = free_port()
    lifecycle.address = f"127.0.0.1:{port}"
    answers: list[int] = []
    call = threading.Thread(target=lambda: answers.append(pub.post(URL, json={}).status_code))
    call.start()
    wait_until(lambda: len(lifecycle.asked) > 1)  # refused once
    start_raw_job(answer, port)
    call.join()
    assert answers == [200]


def test_a_safe_call_is_repeated_once_when_the_job_dies_over_it(pub, start_raw_job):
    heads: list[bytes] = []
    start_raw_job(lambda connection: heads.append(connection.recv(65536)))
    broken = pub.get(URL)
    assert (broken.status_code, broken.json()["error"]) == (502, BROKEN_AT_ONCE)
    assert len(heads) == 2


def test_a_call_that_may_change_something_is_never_repeated(pub, start_raw_job):
    heads: list[bytes] = []
    start_raw_job(lambda connection: heads.append(connection.recv(65536)))
    for method in ("POST", "PATCH", "PUT", "DELETE"):
        assert pub.request(method, URL).status_code == 502
    assert len(heads) == 4


def test_replicas_take_turns_and_a_dead_one_is_left_out(pub, lifecycle, start_job):
    addresses = [start_job(FakeJob("a")), start_job(FakeJob("b")), f"127.0.0.1:{free_port()}"]
    lifecycle.replicas = addresses
    names = [pub.post(URL, json={}).json()["name"] for _ in range(12)]
    assert {names.count("a"), names.count("b")} <= {5, 6, 7}


def test_many_calls_of_a_dead_job_ask_lifecycle_seldom(pub, lifecycle):
    lifecycle.address = f"127.0.0.1:{free_port()}"
    calls = [threading.Thread(target=pub.post, args=(URL,)) for _ in range(20)]
    for call in calls:
        call.start()
    for call in calls:
        call.join()
    assert len(lifecycle.asked) < 40


def test_a_job_that_moved_while_lifecycle_is_away_is_not_called_dead(pub, lifecycle, start_job):
    with running_server(FakeJob()) as url:
        lifecycle.address = url.removeprefix("http://")
        assert pub.post(URL, json={}).status_code == 200
        lifecycle.status = 500
    lost = pub.post(URL, json={})
    assert (lost.status_code, lost.headers["retry-after"]) == (503, "2")
    assert lost.json()["error"] == (
        "Reverse proxy error: the job moved or died while Lifecycle does not answer, try again"
    )
    lifecycle.status, lifecycle.address = 200, start_job(FakeJob())
    assert pub.post(URL, json={}).status_code == 200


def test_jobs_behind_remote_gateways_are_refused(pub, lifecycle, job):
    lifecycle.gateway_url = "http://far-away.example.com/pub"
    assert pub.get(URL).status_code == 502
    assert job.calls == 0


@contextmanager
def calling(pub):
    """Call the job from four threads while the block runs; yield the list of statuses."""
    statuses, stop = [], threading.Event()

    def call():
        while not stop.is_set():
            statuses.append(pub.post(URL, json={}).status_code)

    callers = [threading.Thread(target=call) for _ in range(4)]
    for caller in callers:
        caller.start()
    try:
        yield statuses
    finally:
        stop.set()
        for caller in callers:
            caller.join()


def answer(connection):
    while connection.recv(65536):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


def test_each_job_takes_its_own_turns(clock):
    replicas = Replicas(clock)
    chosen = [
        (replicas.find_address(a_route("a")), replicas.find_address(a_route("b"))) for _ in range(2)
    ]
    assert {first for first, _ in chosen} == {"one", "two"}
    assert {second for _, second in chosen} == {"one", "two"}


def test_an_ejected_replica_sits_out_for_a_while(clock):
    replicas = Replicas(clock)
    replicas.eject("one")
    assert {replicas.find_address(a_route()) for _ in range(4)} == {"two"}
    clock.advance(EJECTED_SECONDS)
    assert {replicas.find_address(a_route()) for _ in range(4)} == {"one", "two"}


def test_ejected_replicas_are_better_than_none(clock):
    replicas = Replicas(clock)
    replicas.eject("one")
    replicas.eject("two")
    assert replicas.find_address(a_route()) is not None


def test_what_was_tried_is_not_chosen(clock):
    replicas = Replicas(clock)
    assert replicas.find_address(a_route(), {"one"}) == "two"
    assert replicas.find_address(a_route(), {"one", "two"}) is None
    assert replicas.find_address(a_route(addresses=("one",)), {"one"}) is None
    assert replicas.find_address(a_route(addresses=())) is None


def test_an_address_is_given_up_for_a_moment(clock):
    replicas = Replicas(clock)
    replicas.give_up("one")
    assert replicas.is_given_up("one")
    assert not replicas.is_given_up("two")
    clock.advance(GIVEN_UP_SECONDS)
    assert not replicas.is_given_up("one")


def a_route(name="adder", addresses=("one", "two")):
    return Route(name, "1.0.0", "running", addresses, None)
