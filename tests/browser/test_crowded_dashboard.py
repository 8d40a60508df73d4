"""The dashboard of a platform with 10 000 jobs, and with many open tabs."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest
from browser.watching import Watch
from playwright.sync_api import BrowserContext, Page, expect
from racetrack_commons.testing.serving import free_port
from stacks.stack import ROOT

JOBS = 10_000
TABS = 20
pytestmark = pytest.mark.timeout(400)  # Adding the jobs takes its time.


@dataclass(frozen=True)
class CrowdedPlatform:
    """Lifecycle and the dashboard alone, over a database full of jobs that nothing runs."""

    dashboard: subprocess.Popen[bytes]
    url: str

    def read_memory(self) -> float:
        """Return the resident memory of the dashboard in MB."""
        return psutil.Process(self.dashboard.pid).memory_info().rss / 1024**2


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CrowdedPlatform]:
    folder = tmp_path_factory.mktemp("crowded")
    lifecycle, dashboard = free_port(), free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "DEVELOPMENT_MODE": "true",
        "AUTH_KEY": "a key of a crowded platform, long enough",
        "SECRET_KEY": "a key of a crowded platform",
        "HTTP_ADDR": "127.0.0.1",
        "HTTP_PORT": str(lifecycle),
        "DB_TYPE": "sqlite",
        "DB_PATH": str(folder / "racetrack.sqlite3"),
        "PLUGINS_DIR": str(folder / "plugins"),
        "DASHBOARD_PORT": str(dashboard),
        "LIFECYCLE_URL": f"http://127.0.0.1:{lifecycle}/lifecycle",
        "MALLOC_ARENA_MAX": "2",
    }
    seed = [ROOT / "tests/performance/seed_jobs.py", "--jobs", str(JOBS)]
    subprocess.run([sys.executable, *seed], cwd=folder, env=environment, check=True)
    with ExitStack() as services:
        start(services, ["lifecycle", "serve"], folder, environment)
        process = start(services, ["dashboard"], folder, environment)
        await_answer(f"http://127.0.0.1:{dashboard}/ready")
        yield CrowdedPlatform(process, f"http://127.0.0.1:{dashboard}/dashboard")


def start(
    services: ExitStack, command: list[str], folder: Path, environment: dict[str, str]
) -> subprocess.Popen[bytes]:
    log = services.enter_context((folder / f"{command[0]}.log").open("wb"))
    process = subprocess.Popen(
        [sys.executable, "-m", *command], cwd=folder, env=environment, stdout=log, stderr=log
    )
    services.callback(process.wait)
    services.callback(process.terminate)
    return process


def await_answer(url: str) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            if httpx.get(url, timeout=5, trust_env=False).is_success:
                return
        except httpx.RequestError:
            pass
        assert time.monotonic() < deadline, f"{url} did not answer"
        time.sleep(0.1)


@pytest.fixture
def page(visitor: BrowserContext, crowded, log_in) -> Iterator[Page]:
    watch = Watch.over(visitor, "127.0.0.1")
    page = visitor.new_page()
    page.goto(f"{crowded.url}/jobs")
    log_in(page, "admin", "admin")
    expect(page.get_by_text("of 10000")).to_be_visible()
    yield page
    assert watch.complaints == []


def test_a_search_among_10000_jobs_shows_rows_at_once(page):
    best_ms = min(measure_search(page, f"family-0{number:03}") for number in (123, 401, 77, 260))
    assert best_ms <= 300


def measure_search(page: Page, name: str) -> float:
    """Type a name into the search, and return the milliseconds until only rows with it are shown."""
    return page.evaluate(
        """name => new Promise(done => {
            const box = document.querySelector('input.rt-search-input');
            const started = performance.now();
            const observer = new MutationObserver(() => {
                const names = [...document.querySelectorAll('tbody td:first-child a')].map(cell => cell.textContent);
                if (names.length === 0 || !names.every(text => text === name)) return;
                observer.disconnect();
                done(performance.now() - started);
            });
            observer.observe(document.body, {childList: true, subtree: true, characterData: true});
            Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(box, name);
            box.dispatchEvent(new Event('input', {bubbles: true}));
        })""",
        name,
    )


def test_search_order_and_page_are_in_the_url(page):
    page.get_by_label("Search jobs").fill("family-0007")
    expect(page.get_by_text("1-20 of 20")).to_be_visible()
    page.get_by_role("columnheader", name="Name").click()
    expect(page).to_have_url(re.compile(r"\?search=family-0007&sort=name$"))
    first = page.locator("tbody tr").first.inner_text()

    page.reload()

    expect(page.get_by_label("Search jobs")).to_have_value("family-0007")
    expect(page.get_by_text("1-20 of 20")).to_be_visible()
    assert page.locator("tbody tr").first.inner_text() == first


def test_many_open_tabs_take_little_memory(page, crowded, visitor):
    for _ in range(TABS - 1):
        tab = visitor.new_page()
        tab.goto(f"{crowded.url}/jobs", wait_until="commit")
        expect(tab.get_by_text("of 10000")).to_be_visible()
    assert crowded.read_memory() <= 120
