import socket
import threading

import httpx
from racetrack_commons.testing.waiting import free_port, wait_until


def test_a_call_reaches_the_exact_version_with_its_query_and_escapes(
    pub, lifecycle, start_job, make_job
):
    lifecycle.address = start_job(make_job())
    answer = pub.post("/pub/job/adder/latest/api/a%2Fb?x=1&y=%20", content=b"12345")
    assert answer.status_code == 200
    assert answer.json()["path"] == "/pub/job/adder/0.0.2/api/a%2Fb"
    assert answer.json()["query"] == "x=1&y=%20"
    assert answer.json()["size"] == 5
    assert answer.headers["x-of-job"] == "yes"
    assert answer.headers["x-request-tracing-id"]


def test_routes_stand_without_the_prefix_and_under_their_older_name(
    pub, lifecycle, start_job, make_job
):
    lifecycle.address = start_job(make_job())
    for path in (
        "/job/adder/1.x/live",
        "/pub/fatman/adder/latest/live",
        "/fatman/adder/latest/live",
    ):
        assert pub.get(path).json()["path"] == "/pub/job/adder/0.0.2/live"


def test_the_job_learns_the_caller_but_not_the_token(pub, lifecycle, start_job, make_job):
    lifecycle.address = start_job(make_job())
    headers = {
        "X-Caller-Name": "User mallory",
        "Cookie": "X-Racetrack-Auth=good; theme=dark",
        "X-Forwarded-For": "1.2.3.4",
    }
    seen = pub.get("/pub/job/adder/latest/x", headers=headers).json()["headers"]
    assert seen["x-caller-name"] == "User alice"
    assert "x-racetrack-auth" not in seen
    assert seen["cookie"] == "theme=dark"
    assert seen["x-forwarded-for"] == "1.2.3.4, 127.0.0.1"
    assert seen["x-forwarded-prefix"] == "/pub/job/adder/0.0.2"


def test_a_cookie_carries_the_token_too(pub, lifecycle, start_job, make_job):
    lifecycle.address = start_job(make_job())
    headers = {"Cookie": "X-Racetrack-Auth=good", "X-Racetrack-Auth": ""}
    assert pub.get("/pub/job/adder/latest/x", headers=headers).status_code == 200


def test_redirects_to_the_job_itself_become_relative(pub, lifecycle, start_job, make_job):
    lifecycle.address = start_job(make_job())
    assert (
        pub.get("/pub/job/adder/latest/redirect").headers["location"] == "/pub/job/adder/0.0.2/docs"
    )


def test_streams_pass(pub, lifecycle, start_job, make_job):
    lifecycle.address = start_job(make_job())
    with pub.stream("GET", "/pub/job/adder/latest/stream") as response:
        assert [line for line in response.iter_lines() if line] == ["data: 0", "data: 1", "data: 2"]


def test_large_bodies_pass(pub, lifecycle, start_job, make_job):
    lifecycle.address = start_job(make_job())
    assert pub.post("/pub/job/adder/latest/x", content=b"x" * 5_000_000).json()["size"] == 5_000_000


def test_refusals_are_401_and_unknown_jobs_404(pub, lifecycle):
    lifecycle.address = "127.0.0.1:1"
    refused = pub.get("/pub/job/adder/latest/x", headers={"X-Racetrack-Auth": "bad"})
    assert (refused.status_code, refused.json()["error"]) == (
        401,
        "Proxy request error: Unauthenticated",
    )
    missing = pub.get("/pub/job/nothing/latest/x")
    assert missing.status_code == 404
    assert missing.json()["requestId"]


def test_encoded_slashes_in_the_name_match_no_route(pub):
    assert pub.get("/pub/job/ad%2Fder/latest/x").status_code == 404


def test_dot_segments_never_ask_about_another_endpoint_than_the_job_gets(pub, lifecycle, servers):
    host, _, port = str(pub.base_url).rstrip("/").removeprefix("http://").partition(":")
    for path in ("api/v1/perform/../../../live", "x/%2e%2E/live"):
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(
                f"GET /pub/job/adder/latest/{path} HTTP/1.1\r\nHost: pub\r\n\r\n".encode()
            )
            assert connection.recv(1024).startswith(b"HTTP/1.1 404")
    assert lifecycle.asked == []


def test_a_dead_job_is_502_without_its_address_and_a_starting_one_503(pub, lifecycle):
    lifecycle.address = f"127.0.0.1:{free_port()}"
    dead = pub.post("/pub/job/adder/latest/x", json={})
    assert dead.status_code == 502
    assert dead.json()["jobStatus"] == "running"
    assert "127.0.0.1" not in dead.text
    lifecycle.job_status = "starting"
    lifecycle.announce("job", "adder")
    wait_until(lambda: pub.post("/pub/job/adder/latest/x", json={}).status_code == 503)
    assert pub.post("/pub/job/adder/latest/x", json={}).headers["retry-after"]


def test_an_answer_that_breaks_off_is_not_passed_on_as_whole(pub, lifecycle, servers):
    lifecycle.address = start_truncating_server(servers)
    try:
        response = pub.get("/pub/job/adder/latest/x")
    except httpx.TransportError:
        return
    raise AssertionError(f"looked whole: {response.text}")


def start_truncating_server(servers):
    listener = servers.enter_context(socket.create_server(("127.0.0.1", 0)))

    def serve():
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(
                b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n"
            )

    threading.Thread(target=serve, daemon=True).start()
    return f"127.0.0.1:{listener.getsockname()[1]}"


def test_replicas_take_turns_and_a_dead_one_is_left_out(pub, lifecycle, start_job, make_job):
    lifecycle.address = start_job(make_job("a"))
    lifecycle.replicas = [lifecycle.address, start_job(make_job("b")), f"127.0.0.1:{free_port()}"]
    names = {pub.post("/pub/job/adder/latest/x", json={}).json()["name"] for _ in range(12)}
    assert names == {"a", "b"}
