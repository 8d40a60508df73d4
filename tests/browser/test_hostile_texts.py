"""Texts of users are shown as they are, and never run: names, errors, manifests, logs, and whatever else is stored."""

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from browser.bare_platform import BarePlatform, start_bare_platform
from browser.payloads import make_payloads
from dashboard.site import PAGES
from playwright.sync_api import BrowserContext, Page, expect

PAYLOADS = make_payloads()
FIRST = quote(f"001 {PAYLOADS[0]}", safe="")
VISITS = {
    "/": ["/"],
    "/jobs": ["/jobs?size=200&sort=name"],
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
