"""Texts of users are shown as they are, and never run: names, errors, manifests, logs, and whatever else is stored."""

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from dashboard.site import PAGES
from playwright.sync_api import BrowserContext, Page, expect

from browser.bare_platform import BarePlatform, start_bare_platform
from browser.payloads import make_payloads
from browser.seed_hostile import PLUGIN, make_id

PAYLOADS = make_payloads()
FIRST = quote(f"001 {PAYLOADS[0]}", safe="")
TABS = ("", "try", "logs", "build-log", "manifest", "deployments", "access")
VISITS = {
    "/": ["/"],
    "/jobs": ["/jobs?size=200&sort=name", "/jobs?view=tree&open=all"],
    "/jobs/deploy": ["/jobs/deploy"],
    "/profile": ["/profile"],
    "/change-password": ["/change-password"],
    "/jobs/{name}/{version}": [
        *(f"/jobs/all/1.0.0?tab={tab}" for tab in TABS),
        f"/jobs/{FIRST}/1.0.0",
        f"/jobs/{FIRST}/latest?tab=access",
    ],
    "/deployments": ["/deployments?size=200"],
    "/deployments/{deployment_id}": [f"/deployments/{make_id(3, 0)}"],
    "/portfolio": ["/portfolio?size=200"],
    "/activity": ["/activity?size=200"],
    "/graph": ["/graph"],
    "/permissions": ["/permissions"],
    "/consumers": ["/consumers?size=200"],
    "/consumers/{consumer_id}": [f"/consumers/{make_id(4, number)}" for number in (0, 1)],
    "/users": ["/users?size=200"],
    "/plugins": ["/plugins"],
    "/plugins/{plugin_name}/{plugin_version}/config": [f"/plugins/{PLUGIN}/1.0.0/config"],
    "/administration": ["/administration"],
    "/records": ["/records"],
    "/records/{table}": ["/records/registry_job?size=200", "/records/registry_esc?size=200"],
    "/records/{table}/new": ["/records/registry_job/new"],
    "/records/{table}/{record_id}": [
        f"/records/registry_job/{make_id(1, 0)}",
        f"/records/registry_deployment/{make_id(3, 0)}",
    ],
    "/docs": ["/docs"],
    "/docs/{page}": ["/docs/jobs", f"/docs/{FIRST}"],
    "/docs/plugin/{plugin_name}": [f"/docs/plugin/{PLUGIN}"],
}
"""The paths that are visited of each page: of lists, all rows."""
RAN = """() => {
    const windows = [window, ...Array.from({length: window.length}, (_, number) => window[number])];
    const ran = windows.filter(each => { try { return each.attacked } catch { return false } }).map(() => 'a script ran');
    const targets = [...document.querySelectorAll('a, iframe, form')]
        .flatMap(each => ['href', 'src', 'srcdoc', 'action'].map(name => each.getAttribute(name) || ''));
    return [...ran, ...targets.filter(target => /^\\s*(javascript|data|vbscript):/i.test(target))];
}"""
"""Lists scripts that ran, and links that would run one."""


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BarePlatform]:
    folder = tmp_path_factory.mktemp("hostile")
    with start_bare_platform(folder, "tests/browser/seed_hostile.py") as platform:
        yield platform


@pytest.fixture
def page(visitor: BrowserContext, hostile, log_in) -> Page:
    page = visitor.new_page()
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(f"{hostile.dashboard_url}/jobs")
    log_in(page, "admin", "admin")
    return page


def test_there_are_200_payloads_and_they_run_on_a_careless_page(visitor):
    assert len(set(PAYLOADS)) == 200
    page = visitor.new_page()
    page.set_content(f"<body>{PAYLOADS[10]}</body>")
    page.wait_for_function("window.attacked === 1")


def test_every_page_is_visited():
    assert set(VISITS) == set(PAGES)


@pytest.mark.parametrize("pattern", VISITS)
def test_no_text_runs(page, hostile, pattern):
    for path in VISITS[pattern]:
        page.goto(f"{hostile.dashboard_url}{path}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        page.wait_for_load_state("networkidle")
        assert {path: page.evaluate(RAN)} == {path: []}
