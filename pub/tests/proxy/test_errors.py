from racetrack_commons.testing.serving import free_port, wait_until

URL = "/pub/job/adder/latest/x"


def test_a_caller_with_a_valid_token_is_told_that_a_permission_is_missing(pub, lifecycle):
    refused = pub.get(URL, headers={"X-Racetrack-Auth": "a.stranger.z"})
    assert refused.status_code == 401
    assert refused.json()["error"] == (
        "Proxy request error: the caller is authenticated, but no permission"
    )


def test_the_fault_of_a_token_is_not_told(pub, lifecycle):
    refused = pub.get(URL, headers={"X-Racetrack-Auth": "bad", "X-Request-Tracing-Id": "mine"})
    assert refused.status_code == 401
    assert refused.json() == {"error": "Proxy request error: Unauthenticated", "requestId": "mine"}
    assert refused.headers["content-type"] == "application/json; charset=utf-8"


def test_the_fault_of_a_token_is_told_when_the_settings_say_so(start_pub):
    refused = start_pub(auth_debug=True).get(URL, headers={"X-Racetrack-Auth": "bad"})
    assert refused.json()["error"] == (
        "Proxy request error: Unauthenticated: Authorizing Job caller: no permission"
    )


def test_an_unknown_job_is_404(pub, lifecycle):
    missing = pub.get("/pub/job/nothing/latest/x")
    assert missing.status_code == 404
    assert missing.json()["error"] == (
        "Proxy request error: Job was not found: Authorizing Job caller: there is no such job"
    )


def test_maintenance_is_503(pub, job, lifecycle):
    assert pub.get(URL).status_code == 200
    lifecycle.status, lifecycle.error_type = 503, "UnderMaintenance"
    lifecycle.announce("maintenance")
    wait_until(lambda: pub.get(URL).status_code == 503)
    closed = pub.get(URL)
    assert closed.json()["error"] == "Proxy request error: Authorizing Job caller: told to fail"
    assert closed.headers["retry-after"]


def test_a_dead_job_is_502_without_its_address(pub, lifecycle):
    lifecycle.address = f"127.0.0.1:{free_port()}"
    dead = pub.post(URL, json={})
    assert dead.status_code == 502
    answer = dead.json()
    assert answer.pop("requestId")
    assert answer == {
        "error": "Reverse proxy error: connection refused to a target job (job may be dead)",
        "jobName": "adder",
        "jobVersion": "0.0.2",
        "jobStatus": "running",
        "caller": "User alice",
    }


def test_a_job_without_an_address_is_502(pub, lifecycle):
    assert pub.get(URL).status_code == 502


def test_a_starting_job_is_503(pub, lifecycle):
    lifecycle.address, lifecycle.job_status = f"127.0.0.1:{free_port()}", "starting"
    starting = pub.post(URL, json={})
    assert (starting.status_code, starting.headers["retry-after"]) == (503, "2")
    assert starting.json()["jobStatus"] == "starting"


def test_a_job_that_takes_too_long_is_504(start_pub, start_raw_job):
    start_raw_job(lambda connection: [None for _ in iter(lambda: connection.recv(65536), b"")])
    late = start_pub(response_timeout_seconds=0.2).post(URL, json={})
    assert late.status_code == 504
    assert late.json()["error"] == "Reverse proxy error: request to a job timed out"


def test_more_calls_than_allowed_are_503(start_pub, job):
    pub = start_pub(max_concurrent_calls=1)
    with pub.stream("GET", "/pub/job/adder/latest/hold") as held:
        parts = held.iter_raw()  # It hangs up when it is forgotten.
        assert next(parts) == b"held"
        refused = pub.get(URL)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")


def test_an_announced_body_that_is_not_wanted_ends_the_connection(connect, lifecycle):
    connection = connect()
    connection.sendall(
        f"POST {URL} HTTP/1.1\r\nHost: pub\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n".encode()
    )
    answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 401")
    assert b"connection: close" in answer
