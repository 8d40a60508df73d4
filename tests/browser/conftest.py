"""Chromium, and the jobs whose pages it opens."""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright
from stacks.stack import Stack

INSTALL = "there is no Chromium here: `apt-get install chromium` installs it"
PASSWORD = "a-long-password"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    program = shutil.which("chromium")
    if program is None:
        pytest.skip(INSTALL)
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def visitor(chromium: Browser) -> Iterator[BrowserContext]:
    """A browser without cookies."""
    context = chromium.new_context()
    context.set_default_timeout(20_000)
    yield context
    context.close()


@pytest.fixture(scope="module")
def platform(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """A platform with the jobs `hostile` and `vault`, and the user `ben`, who may call the first one only."""
    hostile = Path(__file__).parent / "hostile"
    vault = tmp_path_factory.mktemp("vault")
    shutil.copytree(hostile, vault, dirs_exist_ok=True)
    manifest = (hostile / "job.yaml").read_text()
    (vault / "job.yaml").write_text(manifest.replace("name: hostile", "name: vault"))
    with ThreadPoolExecutor() as deployments:
        list(deployments.map(lambda job: stack.racetrack("deploy", str(job)), (hostile, vault)))
    added = stack.api("POST", "users", {"username": "ben", "password": PASSWORD})
    assert added.status_code == 200, added.text
    stack.racetrack("auth", "allow", "ben", "hostile")
    return stack


@pytest.fixture
def log_in() -> Callable[..., None]:
    """Fills in the log-in form of the shown page."""

    def log_in(page, username: str, password: str) -> None:
        page.fill("[name=username]", username)
        page.fill("[name=password]", password)
        with page.expect_navigation():
            page.press("[name=password]", "Enter")

    return log_in
