import socket

import pytest
from pub.proxy.cookies import confine_job_cookie, read_token, remove_auth_cookies

URL = "/pub/job/adder/latest"


def test_a_call_reaches_the_exact_version_with_its_query_and_escapes(pub, job):
    answer = pub.post(f"{URL}/api/a%2Fb?x=1&y=%20;z&x=2", content=b"12345")
    assert answer.status_code == 200
    assert answer.json()["path"] == "/pub/job/adder/0.0.2/api/a%2Fb"
    assert answer.json()["query"] == "x=1&y=%20;z&x=2"
    assert answer.json()["size"] == 5
    assert answer.headers["x-of-job"] == "yes"


def test_routes_stand_without_the_prefix_and_under_their_older_name(pub, job):
    for path in ("/job/adder/1.x/live", "/pub/fatman/adder/1/live", "/fatman/adder/latest/live"):
        assert pub.get(path).json()["path"] == "/pub/job/adder/0.0.2/live"


def test_the_job_may_be_called_at_its_root(pub, job):
    assert pub.get("/pub/job/adder/latest").json()["path"] == "/pub/job/adder/0.0.2"
    assert pub.get("/pub/job/adder/latest/").json()["path"] == "/pub/job/adder/0.0.2/"


def test_what_is_no_job_path_is_404(pub, job):
    for path in ("/pub/job", "/pub/job/adder", "/pub/job/adder/", "/pub/job/ad%2Fder/latest/x"):
        assert pub.get(path).status_code == 404
    assert job.calls == 0


@pytest.mark.parametrize(
    "path",
    [
        "api/v1/perform/../../../live",
        "x/%2e%2E/live",
        "x/..%2Flive",
        "x%2F..%2Flive",
        "x/%252e%252e/live",
        "x/..%252Flive",
        "x/..;/live",
        "x/..%3Ba=b/live",
        "x/..%5Clive",
        "x\\..\\live",
        "open/./x",
        ".",
    ],
)
def test_dot_segments_never_ask_about_another_endpoint_than_the_job_gets(
    connect, job, lifecycle, path
):
    connection = connect()
    connection.sendall(request(f"GET {URL}/{path}"))
    assert connection.recv(1024).startswith(b"HTTP/1.1 404")
    assert (lifecycle.asked, job.calls) == ([], 0)


@pytest.mark.parametrize(
    "path",
    [
        "/pub/job/adder%2Flatest/x",
        "/pub/job/adder/latest%2Fopen",
        "/pub/job/adder/latest%2F..%2F..%2Fother/x",
        "/pub/job/other/..%2Fadder%2Flatest/x",
        "/pub/job/%2e%2e/adder/latest/x",
        "/pub/job/adder%5Clatest/x/y",
        "/pub/job/../job/adder/latest/x",
        "/pub/job/adder/../adder/latest/open",
        "//pub/job/adder/latest/x",
        "/pub/job//adder/latest/x",
        "/pub/pub/job/adder/latest/x",
        "/pub/job/adder%3Fx/latest/x",
        "/pub/job/adder%23x/latest/x",
        "/pub/job/adder%252Fother/latest/x",
    ],
)
def test_no_other_job_is_reached_than_the_one_that_is_named(connect, job, path):
    connection = connect()
    connection.sendall(request(f"GET {path}"))
    assert connection.recv(1024).startswith(b"HTTP/1.1 404")
    assert job.calls == 0


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("api%2Fv1%2Fperform", "api%2Fv1%2Fperform"),
        ("%2Fopen", "%2Fopen"),
        ("open%2Fx", "open%2Fx"),
        ("a%20b/c%3Fd", "a b/c?d"),
    ],
)
def test_an_escaped_slash_parts_no_segments_for_lifecycle_either(
    connect, job, lifecycle, path, asked
):
    connection = connect()
    connection.sendall(request(f"GET {URL}/{path}"))
    assert f'"/pub/job/adder/0.0.2/{path}"'.encode() in read_all(connection)
    assert lifecycle.asked[0]["path"] == asked


def test_the_job_gets_the_path_that_lifecycle_was_asked_about(connect, job, lifecycle):
    connection = connect()
    connection.sendall(request(f"GET {URL}//open"))
    assert b'"/pub/job/adder/0.0.2/open"' in read_all(connection)
    assert lifecycle.asked[0]["path"] == "open"


def test_a_call_is_traced(pub, job, lifecycle):
    answer = pub.get(f"{URL}/x", headers={"X-Request-Tracing-Id": "mine"})
    assert answer.headers["x-request-tracing-id"] == "mine"
    assert answer.json()["headers"]["x-request-tracing-id"] == "mine"
    assert lifecycle.asked[0]["x-request-tracing-id"] == "mine"


def test_a_call_without_a_usable_tracing_id_gets_one(pub, job):
    first, second = (
        pub.get(f"{URL}/x"),
        pub.get(f"{URL}/x", headers={"X-Request-Tracing-Id": "a b"}),
    )
    ids = [answer.headers["x-request-tracing-id"] for answer in (first, second)]
    assert [len(each) for each in ids] == [36, 36]
    assert ids[0] != ids[1]


def test_a_preflight_reaches_the_job_without_a_token(pub, job):
    headers = {
        "X-Racetrack-Auth": "",
        "Origin": "https://example.com",
        "Access-Control-Request-Method": "POST",
    }
    preflight = pub.options(f"{URL}/x", headers=headers)
    assert (preflight.status_code, preflight.json()["method"]) == (200, "OPTIONS")
    assert "x-caller-name" not in preflight.json()["headers"]
    assert pub.options(f"{URL}/x", headers={"X-Racetrack-Auth": ""}).status_code == 401


def request(line):
    return (
        f"{line} HTTP/1.1\r\nHost: pub\r\nX-Racetrack-Auth: a.good.z\r\nConnection: close\r\n\r\n"
    ).encode()


def read_all(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize(
    ("headers", "token"),
    [
        ([], ""),
        ([(b"x-racetrack-auth", b"a")], "a"),
        ([(b"x-racetrack-esc-auth", b"b"), (b"x-racetrack-auth", b"a")], "a"),
        ([(b"x-racetrack-user-auth", b"c"), (b"x-racetrack-esc-auth", b"b")], "b"),
        ([(b"x-racetrack-user-auth", b"c")], "c"),
        ([(b"x-racetrack-auth", b"a"), (b"cookie", b"X-Racetrack-Auth=x")], "a"),
        ([(b"x-racetrack-esc-auth", b"b"), (b"cookie", b"X-Racetrack-Auth=x")], "x"),
        ([(b"x-racetrack-auth", b""), (b"cookie", b"X-Racetrack-Auth=x")], "x"),
        ([(b"cookie", b"theme=dark"), (b"cookie", b"a=b; X-Racetrack-Auth=x%2Fy+z")], "x/y z"),
        ([(b"cookie", b"X-Racetrack-Auth=x%2")], ""),
        ([(b"authorization", b"Bearer a")], ""),
        ([(b"cookie", b"racetrack_jobs=s; X-Racetrack-Auth=logged-in")], "s"),
        ([(b"cookie", b"racetrack_jobs=s; X-Racetrack-Auth=x")], "x"),
        ([(b"x-racetrack-esc-auth", b"b"), (b"cookie", b"racetrack_jobs=s")], "b"),
        ([(b"cookie", b"X-Racetrack-Auth=logged-in; racetrack_panel=p")], ""),
        ([(b"x-racetrack-auth", b"a\tb")], ""),
        ([(b"cookie", b"X-Racetrack-Auth=a%0D%0AX-Other:%201")], ""),
    ],
)
def test_the_first_token_in_the_order_of_the_contract_counts(headers, token):
    assert read_token(a_request(headers)) == token


def a_request(headers, method="GET", kind="http"):
    return {"type": kind, "method": method, "headers": headers}


def test_cookies_that_hold_tokens_are_removed():
    cookie = b"X-Racetrack-Auth=a; theme=dark; x-racetrack-user-auth=b; x=X-Racetrack-Auth"
    assert remove_auth_cookies(cookie) == b"theme=dark; x=X-Racetrack-Auth"
    assert (
        remove_auth_cookies(
            b"racetrack_jobs=a; racetrack_panel=b; starlette_admin_csrftoken=c; c=d"
        )
        == b"c=d"
    )
    assert remove_auth_cookies(b"X-Racetrack-Esc-Auth=a") == b""


OWN = [(b"host", b"pub:7205"), (b"origin", b"http://pub:7205")]
FOREIGN = [(b"host", b"pub:7205"), (b"origin", b"http://pub:7202")]


@pytest.mark.parametrize("name", [b"racetrack_jobs", b"x-racetrack-auth"])
@pytest.mark.parametrize(
    ("headers", "get", "post", "websocket"),
    [
        ([(b"host", b"pub:7205")], True, True, True),  # a program
        (OWN, True, True, True),
        ([(b"x-forwarded-host", b"pub:7205"), (b"host", b"a"), OWN[1]], True, True, True),
        (FOREIGN, False, False, False),
        ([(b"origin", b"null")], False, False, False),
        ([(b"sec-fetch-site", b"same-origin")], True, True, True),
        ([(b"sec-fetch-site", b"none")], True, True, True),
        ([(b"sec-fetch-site", b"same-site")], False, False, False),
        ([(b"sec-fetch-site", b"cross-site"), *OWN], False, False, False),
        ([(b"sec-fetch-site", b"same-site"), (b"sec-fetch-mode", b"navigate")], True, False, False),
    ],
)
def test_cookies_count_only_in_requests_of_own_pages(name, headers, get, post, websocket):
    shown = [*headers, (b"cookie", name + b"=s")]
    requests = (
        a_request(shown),
        a_request(shown, "POST"),
        a_request(shown, kind="websocket"),
    )
    assert [read_token(each) == "s" for each in requests] == [get, post, websocket]
    # A header is no matter of the browser's: whatever sends it knows the token.
    assert read_token(a_request([*headers, (b"x-racetrack-auth", b"t")], "POST")) == "t"


@pytest.mark.parametrize("path", ["/pub/job/adder/latest/x", "/pub/async/new/job/adder/latest/x"])
def test_a_page_of_another_origin_is_told_that_cookies_do_not_count(pub, job, path):
    headers = {"X-Racetrack-Auth": "", "Cookie": "racetrack_jobs=a.good.z", "Origin": "http://evil"}
    refused = pub.post(path, headers=headers)
    assert refused.status_code == 401
    assert "cookies count only in requests of this host's own pages" in refused.json()["error"]
    assert job.calls == 0
    del headers["Origin"]
    assert pub.post(path, headers=headers).status_code != 401


@pytest.mark.parametrize(
    ("cookie", "kept"),
    [
        (b"session=1; Path=/; HttpOnly", b"session=1; Path=/; HttpOnly"),
        (b"a=1; Domain=example.com; Path=/", b"a=1; Path=/"),
        (b"a=1; DOMAIN = example.com", b"a=1"),
        (b"X-Racetrack-Auth=stolen; Path=/", b""),
        (b" x-racetrack-esc-auth =x", b""),
        (b"racetrack_jobs=x; Max-Age=0", b""),
        (b"racetrack_panel=x; Path=/lifecycle/admin", b""),
        (b"=racetrack_jobs=x", b""),
        (b"racetrack_jobs", b""),
    ],
)
def test_jobs_set_no_cookie_of_the_platform_nor_of_other_hosts(cookie, kept):
    assert confine_job_cookie(cookie) == kept
