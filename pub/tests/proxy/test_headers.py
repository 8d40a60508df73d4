import pytest

URL = "/pub/job/adder/latest/x"


@pytest.mark.parametrize(
    ("name", "sent", "received"),
    [
        ("X-Caller-Name", "User mallory", "User alice"),
        ("X-Racetrack-Job", "another 1.0.0", "adder 0.0.2"),
        ("X-Racetrack-User-Auth", "older", None),
        ("X-Racetrack-Gateway-Token", "secret", None),
        ("Cookie", "X-Racetrack-Auth=a.good.z; theme=dark; x-racetrack-esc-auth=old", "theme=dark"),
        ("Authorization", "Basic of-the-job", "Basic of-the-job"),
    ],
)
def test_the_job_learns_the_caller_but_not_the_token(pub, job, name, sent, received):
    seen = pub.get(URL, headers={name: sent}).json()["headers"]
    assert seen.get(name.lower()) == received
    assert [each for each in seen if each.startswith("x-racetrack")] == ["x-racetrack-job"]


def test_callers_can_not_claim_to_be_others_at_a_public_endpoint(pub, job):
    headers = {"X-Racetrack-Auth": "", "X-Caller-Name": "User mallory"}
    seen = pub.get("/pub/job/adder/latest/open", headers=headers).json()["headers"]
    assert "x-caller-name" not in seen


@pytest.mark.parametrize(
    "name", ["X_Caller_Name", "X-Caller_Name", "X_Forwarded_For", "X_Racetrack_Auth"]
)
def test_callers_can_not_claim_to_be_others_by_underscores(pub, job, name):
    seen = pub.get(URL, headers={name: "User mallory", "Of_the_job": "1"}).json()["headers"]
    assert {each for each in seen if "_" in each} == {"of_the_job"}


def test_the_job_learns_who_forwards(pub, job, lifecycle):
    headers = {"X-Forwarded-For": "1.2.3.4", "X-Forwarded-Proto": "https", "Host": "example.com"}
    seen = pub.get(URL, headers=headers).json()["headers"]
    assert seen["host"] == lifecycle.address
    assert seen["x-forwarded-for"] == "1.2.3.4, 127.0.0.1"
    assert seen["x-forwarded-host"] == "example.com"
    assert seen["x-forwarded-proto"] == "https"
    assert seen["x-forwarded-prefix"] == "/pub/job/adder/latest"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Of-Hop", "1"),
        ("Keep-Alive", "timeout=5"),
        ("Proxy-Authorization", "Basic x"),
        ("TE", "trailers"),
        ("Upgrade", "h2c"),
    ],
)
def test_headers_of_one_connection_are_not_passed_to_the_job(pub, job, name, value):
    headers = {"Connection": "keep-alive, X-Of-Hop", name: value}
    assert name.lower() not in pub.get(URL, headers=headers).json()["headers"]


@pytest.mark.parametrize(
    "head",
    [
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "Content-Length: 4\r\nContent-Length: 5",
        "Content-Length : 4",
        "Transfer-Encoding: xchunked",
        "X-A: a\nX-Caller-Name: User mallory",
    ],
)
def test_a_request_that_could_be_read_as_two_is_refused(connect, job, head):
    connection = connect()
    connection.sendall(
        f"POST {URL} HTTP/1.1\r\nHost: pub\r\nX-Racetrack-Auth: a.good.z\r\n{head}\r\n\r\n"
        f"0\r\n\r\nGET {URL} HTTP/1.1\r\nHost: pub\r\n\r\n".encode()
    )
    assert connection.recv(1024).startswith(b"HTTP/1.1 400")
    assert job.calls == 0


def test_nothing_is_added_to_what_the_caller_sent(pub, job):
    for name in ("User-Agent", "Accept", "Accept-Encoding"):
        pub.headers.pop(name)
    seen = pub.post(URL, content=b"x").json()["headers"]
    assert not {"user-agent", "accept", "accept-encoding", "content-type"} & seen.keys()


def test_headers_of_the_answer_pass_except_those_of_the_connection(pub, start_raw_job):
    start_raw_job(
        answering(
            b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nConnection: x-of-hop\r\nX-Of-Hop: 1\r\n"
            b"Keep-Alive: timeout=5\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nX-Request-Tracing-Id: of-the-job\r\n"
            b"Content-Encoding: br\r\nContent-Length: 3\r\n\r\nabc"
        )
    )
    with pub.stream("GET", URL, headers={"X-Request-Tracing-Id": "mine"}) as answer:
        assert b"".join(answer.iter_raw()) == b"abc"
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert not {"x-of-hop", "keep-alive", "connection"} & answer.headers.keys()
    assert answer.headers["content-encoding"] == "br"
    assert answer.headers.get_list("x-request-tracing-id") == ["mine"]
    assert answer.headers.get_list("date") == ["Thu, 01 Jan 1970 00:00:00 GMT"]


def test_redirects_to_the_job_itself_become_relative(pub, job):
    answer = pub.get("/pub/job/adder/latest/redirect")
    assert answer.headers["location"] == "/pub/job/adder/0.0.2/docs"


def test_redirects_to_elsewhere_stay(pub, start_raw_job):
    start_raw_job(
        answering(
            b"HTTP/1.1 302 Found\r\nLocation: https://example.com/x?y\r\nContent-Length: 0\r\n\r\n"
        )
    )
    assert pub.get(URL).headers["location"] == "https://example.com/x?y"


def test_an_answer_without_a_body_may_tell_the_length_of_another(pub, start_raw_job):
    start_raw_job(
        answering(b"HTTP/1.1 304 Not Modified\r\nETag: e\r\nContent-Length: 1234\r\n\r\n")
    )
    for _ in range(2):
        answer = pub.get(URL)
        assert (answer.status_code, answer.headers["etag"], answer.content) == (304, "e", b"")


def answering(answer):
    def serve(connection):
        while connection.recv(65536):
            connection.sendall(answer)

    return serve


@pytest.mark.parametrize(
    "name",
    [
        "Clear-Site-Data",
        "Service-Worker-Allowed",
        "Strict-Transport-Security",
        "Report-To",
        "NEL",
        "Alt-Svc",
    ],
)
def test_a_job_decides_nothing_for_the_whole_host(pub, start_raw_job, name):
    start_raw_job(answering(an_answer(f"{name}: *", "X-Of-Job: 1")))
    answer = pub.get(URL)
    assert (answer.headers.get("x-of-job"), name in answer.headers) == ("1", False)


def test_a_job_sets_cookies_of_its_own_only(pub, start_raw_job):
    cookies = (
        "a=1; Domain=example.com",
        "X-Racetrack-Auth=x; Path=/",
        "racetrack_jobs=; Max-Age=0",
    )
    start_raw_job(answering(an_answer(*(f"Set-Cookie: {each}" for each in cookies))))
    assert pub.get(URL).headers.get_list("set-cookie") == ["a=1"]


def an_answer(*lines):
    return "\r\n".join(["HTTP/1.1 200 OK", "Content-Length: 0", *lines, "", ""]).encode()
