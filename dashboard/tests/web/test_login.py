from http.cookies import SimpleCookie

import pytest
from dashboard.client.api import LifecycleApi
from dashboard.web.login import SessionRoutes
from dashboard.web.session import SessionCookies
from pydantic import SecretStr
from starlette.responses import JSONResponse, Response

OPENED = {
    "username": "ben",
    "is_staff": False,
    "is_superuser": False,
    "session": "the-session",
    "job_session": "the-job-session",
    "lifetime_seconds": 3600,
}
FORM = {"username": "ben", "password": "a-long-password", "next": "/jobs?search=a"}


@pytest.fixture
def client(open_routes, upstream):
    cookies = SessionCookies("http://127.0.0.1:7205/pub")
    return open_routes(
        lambda http: SessionRoutes(
            LifecycleApi(http, upstream.url), cookies, SecretStr("the-key")
        ).router()
    )


def read_cookies(answer) -> dict[tuple[str, str], SimpleCookie]:
    cookies = {}
    for line in answer.headers.get_list("set-cookie"):
        [(name, morsel)] = SimpleCookie(line).items()
        cookies[name, morsel["path"]] = morsel
    return cookies


def test_a_log_in_gives_the_browser_sessions_that_no_script_reads(client, upstream):
    upstream.answer = JSONResponse(OPENED)

    answer = client.post("/dashboard/login", data=FORM)

    assert (answer.status_code, answer.headers["location"]) == (303, "/dashboard/jobs?search=a")
    cookies = read_cookies(answer)
    assert {place: morsel.value for place, morsel in cookies.items()} == {
        ("racetrack_dashboard", "/dashboard"): "the-session",
        ("racetrack_jobs", "/dashboard"): "the-job-session",
        ("racetrack_jobs", "/pub"): "the-job-session",
    }
    for morsel in cookies.values():
        assert (morsel["httponly"], morsel["samesite"], morsel["max-age"]) == (True, "lax", "3600")
        assert not morsel["secure"]
    [(method, path, headers, body)] = upstream.requests
    assert (method, path) == ("POST", "/lifecycle/api/v1/users/dashboard_session")
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-racetrack-forwarding-key"] == "the-key"
    assert body == b'{"username":"ben","password":"a-long-password"}'


def test_cookies_are_secure_behind_https(client, upstream):
    upstream.answer = JSONResponse(OPENED)
    answer = client.post("/dashboard/login", data=FORM, headers={"X-Forwarded-Proto": "https"})
    assert all(morsel["secure"] for morsel in read_cookies(answer).values())


@pytest.mark.parametrize(
    ("status", "reason"), [(401, "wrong"), (429, "limited"), (503, "limited"), (500, "refused")]
)
def test_a_refused_log_in_says_why_and_keeps_the_wanted_page(client, upstream, status, reason):
    upstream.answer = JSONResponse({"error": "<script>", "type": "Any"}, status)

    answer = client.post("/dashboard/login", data=FORM)

    assert answer.status_code == 303
    page = f"/dashboard/login?failed={reason}&next=%2Fjobs%3Fsearch%3Da"
    assert answer.headers["location"] == page
    assert read_cookies(answer) == {}


def test_a_log_out_ends_the_session_at_lifecycle_too(client, upstream):
    upstream.answer = Response(status_code=204)
    client.cookies.set("racetrack_dashboard", "the-session")

    answer = client.post("/dashboard/logout")

    assert answer.headers["location"] == "/dashboard/login"
    assert {morsel["max-age"] for morsel in read_cookies(answer).values()} == {"0"}
    assert len(read_cookies(answer)) == 3
    [(method, path, headers, _)] = upstream.requests
    assert (method, path) == ("DELETE", "/lifecycle/api/v1/users/dashboard_session")
    assert headers["x-racetrack-auth"] == "the-session"


@pytest.mark.parametrize("status", [401, 500])
def test_a_log_out_takes_the_cookies_even_if_lifecycle_refuses(client, upstream, status):
    upstream.answer = JSONResponse({"error": "no"}, status)
    answer = client.post("/dashboard/logout")
    assert (answer.status_code, len(read_cookies(answer))) == (303, 3)
