"""A page of a job runs in the browser of a person who is logged in, and attacks; the page is code of whoever deployed the job."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlencode

import httpx
import pytest

PAGE = "/job/hostile/1.0.0/api/v1/webview/"
PANEL = "/admin/"


@pytest.fixture(scope="module")
def attack_url(platform):
    """The URL of the hostile page, with what its author knows: the addresses, and a valid token against forged forms."""
    login = httpx.get(f"{platform.lifecycle_url}/admin/login")
    known = {
        "lifecycle": platform.lifecycle_url,
        "pub": platform.pub_url,
        "csrf": login.cookies["starlette_admin_csrftoken"],
    }
    return f"{platform.pub_url}{PAGE}?{urlencode(known)}"


@pytest.fixture
def other_origin() -> Iterator[str]:
    """A page on another port of the same host, which is the same site to a browser."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>elsewhere</title>")

        def log_message(self, *_: object) -> None:
            """Keep the output of tests clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_hostile_page_gets_nothing_but_calls_that_its_visitor_may_send(
    platform, visitor, log_in, attack_url
):
    page = visitor.new_page()
    page.goto(attack_url)
    log_in(page, "ben", "a-long-password")

    loot = page.evaluate("attack()")

    assert (loot["own"], loot["ownSocket"]) == (200, "opened")
    assert (loot["other"], loot["otherSocket"]) == (401, "refused")
    assert loot["cookies"] == ""
    assert loot["worker"] == "SecurityError"
    assert loot["afterClear"] == 200
    assert "of_the_job=1" in loot["cookiesAfterClear"]
    assert "X-Racetrack-Auth" not in loot["cookiesAfterClear"]


def test_a_hostile_page_can_not_act_as_the_admin_who_looks_at_it(
    platform, visitor, log_in, attack_url
):
    page = visitor.new_page()
    page.goto(f"{platform.lifecycle_url}{PANEL}")
    log_in(page, "admin", "admin")
    assert page.inner_text("h1, h2, .page-title")
    cookies = {each["name"]: each for each in visitor.cookies()}
    assert cookies["racetrack_panel"]["sameSite"] == "Strict"
    hidden = {name for name, each in cookies.items() if each["httpOnly"]}
    assert hidden == {"racetrack_jobs", "racetrack_panel"}

    escs = platform.api("GET", "escs").json()
    page.goto(attack_url)  # The log-in at the panel lets the admin in.
    loot = page.evaluate("attack()")

    assert "X-Racetrack-Auth=logged-in" in loot["cookies"].split("; ")
    assert "racetrack_" not in loot["cookies"]
    # The admin may call every job, and so may this page; but it can do nothing else.
    assert (loot["own"], loot["other"], loot["otherSocket"]) == (200, 200, "opened")
    # Browsers let no page of another origin read an answer to a request with cookies.
    assert (loot["profile"], loot["profileByMark"]) == ("TypeError", 401)
    assert (loot["panel"], loot["frame"]) == ("TypeError", "closed")
    assert platform.api("GET", "escs").json() == escs
    assert (loot["afterClear"], loot["form"]) == (200, "sent")
    after = {each["name"]: each["value"] for each in visitor.cookies()}
    for name in (*hidden, "X-Racetrack-Auth"):
        assert after[name] == cookies[name]["value"]
        forged = httpx.get(
            f"{platform.lifecycle_url}/api/v1/users/validate_user_auth",
            headers={"X-Racetrack-Auth": after[name]},
        )
        assert forged.status_code == 401


def test_pages_of_other_origins_can_not_call_by_the_cookie(platform, visitor, log_in, other_origin):
    page = visitor.new_page()
    page.goto(f"{platform.pub_url}{PAGE}")
    log_in(page, "ben", "a-long-password")
    url = f"{platform.pub_url}/job/hostile/1.0.0/api/v1"
    count = f"fetch('{url}/perform', {{method: 'POST'}}).then(answer => answer.text())"
    before = int(page.evaluate(count))

    page.goto(other_origin)
    page.evaluate(
        f"fetch('{url}/perform', {{method: 'POST', credentials: 'include', mode: 'no-cors'}}).then(() => 1)"
    )
    socket = f"""new Promise(done => {{
        const socket = new WebSocket('{url.replace("http", "ws", 1)}/webview/socket');
        socket.onopen = () => done('opened');
        socket.onerror = () => done('refused');
    }})"""
    assert page.evaluate(socket) == "refused"

    page.goto(f"{platform.pub_url}{PAGE}")  # A link leads to the page as before.
    assert int(page.evaluate(count)) == before + 1


def test_jobs_on_a_host_of_their_own_have_a_log_in_of_their_own(platform, visitor, log_in):
    page = visitor.new_page()
    page.goto(f"{platform.lifecycle_url}{PANEL}")
    log_in(page, "admin", "admin")

    jobs = platform.pub_url.replace("127.0.0.1", "localhost")
    page.goto(f"{jobs}{PAGE}")
    assert page.is_visible("text=Log in to open this job")
    log_in(page, "ben", "a-long-password")

    assert page.title() == "A harmless page"
    assert [each["name"] for each in visitor.cookies(jobs)] == ["racetrack_jobs"]
    page.goto(f"{jobs}/logout")
    with page.expect_navigation():
        page.click("button")
    assert visitor.cookies(jobs) == []
    page.goto(f"{jobs}{PAGE}")
    assert page.is_visible("text=Log in to open this job")
