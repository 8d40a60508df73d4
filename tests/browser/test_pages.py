"""Every page of the dashboard, in dark and light, wide and narrow: accessible, quiet, and pictured in .bench/screens/."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from dashboard.site import PAGES, PUBLIC_PAGES
from playwright.sync_api import BrowserContext, Page, expect
from stacks.stack import ROOT, Stack

from browser.watching import Watch, list_barriers

SCREENS = ROOT / ".bench/screens"
WIDE, NARROW = 1300, 400
ALL_PAGES = [*PUBLIC_PAGES, *PAGES]
JOB_TABS = ("", "try", "logs", "build-log", "manifest", "deployments", "access")


@dataclass(frozen=True)
class Places:
    """A platform that people have used, and the paths of its pages by their patterns."""

    stack: Stack
    paths: dict[str, list[str]]


@pytest.fixture(scope="module")
def places(stack: Stack) -> Places:
    stack.racetrack("deploy", str(ROOT / "sample/python-class"), "--force")
    stack.racetrack("call", "adder", json.dumps({"numbers": [40, 2]}))
    consumer = stack.api("POST", "escs", {"name": "web shop"}).json()["id"]
    stack.racetrack("auth", "allow", f"esc:{consumer}", "adder")
    [deployment, *_] = stack.api("GET", "deploy?job_name=adder").json()
    [plugin, *_] = stack.api("GET", "plugin").json()
    return Places(
        stack,
        {
            "/jobs/{name}/{version}": [f"/jobs/adder/latest?tab={tab}" for tab in JOB_TABS],
            "/deployments/{deployment_id}": [f"/deployments/{deployment['id']}"],
            "/consumers/{consumer_id}": [f"/consumers/{consumer}"],
            "/plugins/{plugin_name}/{plugin_version}/config": [
                f"/plugins/{plugin['name']}/{plugin['version']}/config"
            ],
            "/records/{table}": ["/records/registry_job"],
            "/records/{table}/new": ["/records/registry_esc/new"],
            "/records/{table}/{record_id}": [f"/records/registry_esc/{consumer}"],
            "/docs/{page}": ["/docs/jobs"],
            "/docs/plugin/{plugin_name}": [f"/docs/plugin/{plugin['name']}"],
        },
    )


@pytest.fixture(scope="module")
def session(chromium, places) -> Iterator[BrowserContext]:
    """A browser in which the admin is logged in, for all pages."""
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{places.stack.dashboard_url}/login")
    page.fill("[name=username]", "admin")
    page.fill("[name=password]", "admin")
    with page.expect_navigation():
        page.press("[name=password]", "Enter")
    page.close()
    yield context
    context.close()


@pytest.mark.parametrize("pattern", ALL_PAGES)
def test_a_page_has_no_barrier_no_error_and_nothing_of_other_hosts(session, places, pattern):
    watch = Watch.over(session, places.stack.host)
    barriers = {}
    for path in places.paths.get(pattern, [pattern]):
        page = session.new_page()
        page.emulate_media(color_scheme="light", reduced_motion="reduce")
        open_page(page, f"{places.stack.dashboard_url}{path}")
        for width, theme in ((WIDE, "light"), (WIDE, "dark"), (NARROW, "light")):
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=theme)
            expect(page.locator("body.body--dark")).to_have_count(int(theme == "dark"))
            barriers[path, width, theme] = list_barriers(page)
            picture(page, path, width, theme)
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW, path
        page.close()
    assert {place: found for place, found in barriers.items() if found} == {}
    assert watch.complaints == []


def open_page(page: Page, url: str) -> None:
    page.set_viewport_size({"width": WIDE, "height": 900})
    page.goto(url)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.wait_for_load_state("networkidle")
    expect(page.get_by_role("status").filter(has_text="Loading")).to_have_count(0)


def picture(page: Page, path: str, width: int, theme: str) -> None:
    SCREENS.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID", path)
    name = re.sub(r"\W+", "-", name).strip("-") or "home"
    page.screenshot(path=SCREENS / f"{name}-{width}-{theme}.png")
