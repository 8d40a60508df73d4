"""The journeys of people at the dashboard, in Chromium on an embedded platform."""

import re

import pytest
from browser.watching import Watch, list_barriers
from playwright.sync_api import Page, expect

JOB = """class Job:
    def perform(self, x: float = 1):
        return x * {factor}
"""


@pytest.fixture
def watch(visitor, stack):
    watch = Watch.over(visitor, stack.host)
    yield watch
    assert watch.complaints == []


@pytest.fixture
def page(visitor, watch, stack, log_in) -> Page:
    """The first page of the admin, who has just logged in."""
    page = visitor.new_page()
    page.goto(f"{stack.dashboard_url}/")
    log_in(page, "admin", "admin")
    expect(page.get_by_role("heading", name="Jobs", exact=True)).to_be_visible()
    return page


def test_a_log_in_leads_to_the_page_that_was_asked_for(visitor, watch, stack, log_in):
    page = visitor.new_page()
    page.goto(f"{stack.dashboard_url}/jobs?search=nothing&status=error")
    expect(page).to_have_url(re.compile(r"/dashboard/login\?next="))
    log_in(page, "admin", "wrong")
    expect(page.get_by_role("alert")).to_contain_text("don't match")
    log_in(page, "admin", "admin")
    expect(page).to_have_url(f"{stack.dashboard_url}/jobs?search=nothing&status=error")
    expect(page.get_by_label("Search jobs")).to_have_value("nothing")

    cookies = {each["name"]: each for each in visitor.cookies(f"{stack.dashboard_url}/")}
    assert cookies["racetrack_dashboard"]["httpOnly"]
    assert "racetrack" not in page.evaluate("document.cookie")
    page.get_by_role("button", name="Account").click()
    page.get_by_role("button", name="Log out").click()
    expect(page).to_have_url(f"{stack.dashboard_url}/login")
    session = cookies["racetrack_dashboard"]["value"]
    answer = page.request.get(
        f"{stack.lifecycle_url}/api/v1/users/me", headers={"X-Racetrack-Auth": session}
    )
    assert answer.status == 401


def test_a_job_that_is_deployed_meanwhile_appears_by_itself(page, stack, job_directory):
    expect(page.get_by_role("link", name="seen-live")).to_have_count(0)
    page.evaluate("window.isTheSamePage = true")

    stack.racetrack("deploy", str(job_directory("seen-live", JOB.format(factor=2))))

    row = page.get_by_role("row").filter(has_text="seen-live")
    expect(row).to_contain_text("running")
    assert page.evaluate("window.isTheSamePage")
    stack.racetrack("delete", "seen-live", "--version", "0.0.1", "--yes")
    expect(page.get_by_role("link", name="seen-live")).to_have_count(0)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_have_no_barriers(page, stack, theme):
    page.emulate_media(color_scheme=theme)
    for path in ("jobs",):
        page.goto(f"{stack.dashboard_url}/{path}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert {path: list_barriers(page)} == {path: []}


def test_lifecycle_that_is_away_is_told_until_it_is_back(page, stack, job_directory):
    away = page.get_by_text("Lifecycle does not answer")
    expect(away).to_be_hidden()

    stack.kill("lifecycle")

    expect(away).to_be_visible()
    expect(away).to_be_hidden(timeout=60_000)
    stack.racetrack("deploy", str(job_directory("after-the-kill", JOB.format(factor=3))))
    expect(page.get_by_role("link", name="after-the-kill")).to_be_visible()
