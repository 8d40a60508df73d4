"""A person in a browser logs in on the page of a job; programs get the same errors as ever."""

import re
from html import unescape
from urllib.parse import urljoin

import pytest

URL = "/pub/job/adder/latest/x?a=1&b=%22"
BROWSER = {
    "Accept": "text/html,application/xhtml+xml,*/*;q=0.8",
    "X-Racetrack-Auth": "",
    "Sec-Fetch-Site": "same-origin",
}


def read_form(page):
    [action] = re.findall(r'action="([^"]*)"', page.text)
    [link] = re.findall(r'name="next" value="([^"]*)"', page.text)
    return urljoin(str(page.url), unescape(action)), unescape(link)


def log_in(pub, page, password="of & alice", **headers):
    action, link = read_form(page)
    form = {"username": "alice", "password": password, "next": link}
    return pub.post(action, data=form, headers=BROWSER | headers)


@pytest.mark.parametrize("url", [URL, URL.removeprefix("/pub"), "/pub/job/adder/latest"])
def test_a_browser_logs_in_and_gets_the_job(pub, job, lifecycle, url):
    page = pub.get(url, headers=BROWSER)
    assert (page.status_code, page.headers["cache-control"]) == (401, "no-store")
    assert "Log in to open this job." in page.text

    logged_in = log_in(pub, page)

    assert logged_in.status_code == 303
    assert urljoin(str(logged_in.url), logged_in.headers["location"]) == f"{pub.base_url}{url}"
    cookie = "racetrack_jobs=a.good.z; HttpOnly; Max-Age=60; SameSite=lax"
    assert logged_in.headers["set-cookie"] == cookie
    assert pub.get(url, headers=BROWSER).status_code == 200  # The client keeps the cookie.
    assert lifecycle.asked[1]["x-forwarded-for"] == "127.0.0.1"
    assert lifecycle.asked[1]["x-racetrack-auth"] == "a.internal.z"


def test_a_wrong_password_can_be_tried_again(pub, job):
    page = pub.get(URL, headers=BROWSER)

    refused = log_in(pub, page, password="wrong")

    assert (refused.status_code, "wrong password" in refused.text) == (401, True)
    assert "set-cookie" not in refused.headers
    assert read_form(refused)[1] == read_form(page)[1]
    assert log_in(pub, refused).status_code == 303


@pytest.mark.parametrize(
    "link",
    [
        *(
            "https://evil.example",
            "//evil.example/job/a/b",
            "/job/adder/latest",
            "x/job/adder/latest",
        ),
        *("job/adder/latest\\@evil", "job/adder/../latest", "job/adder/latest\r\nX: y", ""),
    ],
)
def test_the_log_in_leads_to_jobs_of_this_gateway_only(pub, lifecycle, link):
    form = {"username": "alice", "password": "of & alice", "next": link}
    answer = pub.post("/pub/login", data=form, headers=BROWSER)
    assert (answer.status_code, "location" in answer.headers) == (200, False)


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "http://evil"}],
)
def test_other_sites_can_log_no_browser_in(pub, lifecycle, headers):
    form = {"username": "alice", "password": "of & alice"}
    answer = pub.post("/pub/login", data=form, headers=headers)
    assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)


def test_a_user_without_the_permission_is_told_so(pub, lifecycle):
    page = pub.get(URL, headers=BROWSER | {"Cookie": "X-Racetrack-Auth=a.stranger.z"})
    assert page.status_code == 401
    assert "the caller is authenticated, but no permission" in page.text
    assert read_form(page)


def test_the_page_shows_what_the_url_holds_as_text(pub, lifecycle):
    page = pub.get('/pub/job/adder/latest/"><script>?"><script>', headers=BROWSER)
    assert page.status_code == 401
    assert "<script>" not in page.text


@pytest.mark.parametrize(
    ("method", "accept"), [("GET", "*/*"), ("GET", "application/json"), ("POST", "text/html")]
)
def test_programs_get_json(pub, lifecycle, method, accept):
    answer = pub.request(method, URL, headers={"Accept": accept, "X-Racetrack-Auth": "bad"})
    assert answer.status_code == 401
    assert answer.json()["error"] == "Proxy request error: Unauthenticated"


@pytest.mark.parametrize(
    ("accept", "is_page"),
    [
        (BROWSER["Accept"], True),
        ("text/html;q=0.5, application/json;q=0.4", True),
        ("application/json, text/html", False),
        ("application/json, text/html;q=0.9", False),
        ("text/html;q=none", False),
        ("*/*", False),
        ("", False),
    ],
)
def test_an_error_is_a_page_for_callers_that_prefer_html(pub, lifecycle, accept, is_page):
    headers = {"Accept": accept, "X-Racetrack-Auth": "a.good.z"}
    answer = pub.get("/pub/job/nowhere/latest", headers=headers)

    assert answer.status_code == 404
    if is_page:
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert "There is no such job. The id of this request is" in answer.text
        assert "script-src" not in answer.headers["content-security-policy"]
        assert answer.headers["x-request-tracing-id"] in answer.text
    else:
        assert answer.json()["error"].startswith("Proxy request error: Job was not found")


def test_the_page_of_a_starting_job_says_when_to_try_again(pub, lifecycle):
    lifecycle.job_status = "starting"

    page = pub.get(URL, headers=BROWSER | {"X-Racetrack-Auth": "a.good.z"})

    assert (page.status_code, page.headers["retry-after"]) == (503, "2")
    assert "The job is starting, try again." in page.text


def test_the_page_can_be_opened_without_a_job(pub, lifecycle):
    assert read_form(pub.get("/pub/login")) == (f"{pub.base_url}/pub/login", "")


@pytest.mark.parametrize(
    ("is_secure", "headers"), [(True, {}), (False, {"X-Forwarded-Proto": "https"})]
)
def test_the_session_is_for_https_wherever_browsers_use_it(pub, lifecycle, is_secure, headers):
    lifecycle.is_secure = is_secure
    form = {"username": "alice", "password": "of & alice"}
    answer = pub.post("/pub/login", data=form, headers=BROWSER | headers)
    assert "; Secure" in answer.headers["set-cookie"]


def test_a_browser_logs_out(pub, job, lifecycle):
    log_in(pub, pub.get(URL, headers=BROWSER))
    page = pub.get("/pub/logout", headers=BROWSER)
    [action] = re.findall(r'action="([^"]*)"', page.text)
    url = urljoin(str(page.url), action)

    foreign = pub.post(url, headers=BROWSER | {"Sec-Fetch-Site": "same-site"})
    assert (foreign.status_code, "set-cookie" in foreign.headers) == (403, False)
    assert pub.get(URL, headers=BROWSER).status_code == 200

    left = pub.post(url, headers=BROWSER)
    assert "You are logged out." in left.text
    assert lifecycle.ended_sessions == ["a.good.z"]
    deleted = {each.partition("=")[0] for each in left.headers.get_list("set-cookie")}
    assert deleted == {"racetrack_jobs", "X-Racetrack-Auth", "racetrack_panel"}
    assert pub.get(URL, headers=BROWSER).status_code == 401


def test_a_browser_logs_out_while_lifecycle_is_away(pub, job, lifecycle):
    log_in(pub, pub.get(URL, headers=BROWSER))
    lifecycle.status = 503

    left = pub.post("/pub/logout", headers=BROWSER)

    assert "a copy of the session stays valid: told to fail." in left.text
    assert "racetrack_jobs" not in pub.cookies
