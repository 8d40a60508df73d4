"""The journeys of people at the dashboard, in Chromium on an embedded platform."""

import re
import zipfile

import pytest
from playwright.sync_api import Page, expect

from browser.watching import Watch, list_barriers

JOB = """class Job:
    def perform(self, x: float = 1):
        return x * {factor}
"""
SPEAKING_JOB = """class Job:
    def perform(self, x: int = 0):
        print('called with', x)
"""
PLUGIN = """from racetrack_commons.plugin.core import PluginCore


class Plugin(PluginCore):
    pass
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
    stack.racetrack("deploy", str(job_directory("steady", SPEAKING_JOB)))
    logs = page.context.new_page()
    logs.goto(f"{stack.dashboard_url}/jobs/steady/0.0.1?tab=logs")
    stack.call("steady/0.0.1/api/v1/perform", {"x": 1})
    said = logs.get_by_role("log").get_by_text(re.compile("^called with"))
    expect(said).to_have_text(["called with 1\n"])
    away = page.get_by_text("Lifecycle does not answer")
    expect(away).to_be_hidden()
    expect(page.get_by_role("link", name="steady")).to_be_visible()

    stack.kill("lifecycle")

    expect(away).to_be_visible()
    meanwhile = stack.call("steady/0.0.1/api/v1/perform", {"x": 2})
    assert meanwhile.status_code == 200, meanwhile.text
    expect(away).to_be_hidden(timeout=60_000)
    stack.racetrack("call", "steady", '{"x": 3}')
    expect(said).to_have_text([f"called with {number}\n" for number in (1, 2, 3)])
    logs.close()
    stack.racetrack("delete", "steady", "--version", "0.0.1", "--yes")
    expect(page.get_by_role("link", name="steady")).to_have_count(0)


def test_a_job_is_tried_followed_broken_and_brought_back(page, stack, job_directory):
    def write(perform: str, start: str = "pass") -> str:
        code = f"""class Job:
    def __init__(self):
        {start}

    def perform(self, x: float = 21):
        {perform}
"""
        return str(job_directory("traveller", code))

    stack.racetrack("deploy", write("print('doubling', x); return x * 2"))
    page.get_by_role("link", name="traveller").click()
    expect(page.get_by_role("heading", name="traveller 0.0.1")).to_be_visible()

    page.get_by_role("link", name="Try it").click()
    page.get_by_label(re.compile(r"^x\b")).fill("4")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_label("Body of the answer")).to_have_text("8")

    page.get_by_role("link", name="Logs", exact=True).click()
    log = page.get_by_role("log")
    expect(log).to_contain_text("doubling 4")
    stack.racetrack("call", "traveller", '{"x": 5}')
    expect(log).to_contain_text("doubling 5")

    stack.racetrack("deploy", write("return x * 3"), "--force")
    broken = write("return x", start="raise OSError('the model is gone')")
    stack.racetrack("deploy", broken, "--force", check=False)
    page.get_by_role("link", name="Deployments").last.click()
    failed = page.get_by_role("row").filter(has_text="failed")
    expect(failed).to_have_count(1)
    assert stack.call("traveller/latest/api/v1/perform", {"x": 1}).json() == 3

    page.get_by_role("button", name=re.compile("Roll back")).click()
    page.get_by_role("dialog").get_by_role("button", name="Roll back").click()
    serving = page.get_by_role("row").filter(has_text="serves now")
    expect(serving).to_contain_text(re.compile("rollback", re.IGNORECASE))
    assert stack.call("traveller/latest/api/v1/perform", {"x": 1}).json() == 2

    failed.get_by_role("link").first.click()
    expect(page.get_by_text("the model is gone").first).to_be_visible()


def test_a_manifest_is_edited_and_saved(page, stack, job_directory):
    stack.racetrack("deploy", str(job_directory("edited", JOB.format(factor=2))))
    page.goto(f"{stack.dashboard_url}/jobs/edited/0.0.1?tab=manifest")
    editor = page.get_by_role("textbox", name="Manifest of the job")
    editor.click()
    page.keyboard.press("Control+End")
    page.keyboard.type("\nlabels: {team: blue}\nreplicaz: 2")
    expect(page.get_by_text("The manifest has an error.")).to_be_visible()
    expect(page.get_by_text("did you mean replicas?")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile(r"Line \d+"))).to_be_visible()
    expect(page.get_by_role("button", name="Save …")).to_be_disabled()
    page.keyboard.press("Shift+Home")
    page.keyboard.type("repl")
    page.get_by_role("option", name="replicas").click()
    page.keyboard.type("2")
    expect(page.get_by_text("The manifest is valid.")).to_be_visible()

    page.get_by_role("button", name="Save …").click()
    expect(page.get_by_label("Changes")).to_contain_text("team: blue")
    page.get_by_role("button", name="Save only").click()

    expect(page.get_by_text("The manifest is saved.")).to_be_visible()
    manifest = stack.api("GET", "job/edited/0.0.1/manifest").json()["manifest_yaml"]
    assert manifest.endswith("labels: {team: blue}\nreplicas: 2")


def test_a_permission_is_granted_explained_and_revoked(page, stack, job_directory):
    stack.racetrack("deploy", str(job_directory("shared", JOB.format(factor=2))))
    assert stack.api("POST", "escs", {"name": "web shop"}).status_code == 200
    page.goto(f"{stack.dashboard_url}/permissions")

    page.get_by_role("button", name="Grant", exact=True).click()
    form = page.get_by_role("dialog", name="Grant a permission")
    for label, text in (("Subject", "web shop"), ("Job; empty: everything", "shared")):
        form.get_by_role("combobox", name=label).fill(text)
        page.get_by_role("option", name=re.compile(text)).click()
    form.get_by_role("button", name="Grant").click()

    expect(form).to_be_hidden()
    page.get_by_label("Search subjects and jobs").fill("consumer shared")
    row = page.get_by_role("row").filter(has_text="web shop")
    expect(row).to_contain_text("shared (all versions)")
    expect(row.get_by_role("button", name=re.compile("^Revoke call_job of"))).to_be_visible()
    expect(page).to_have_url(re.compile(r"search=consumer\+shared$"))

    explain = page.locator("#explain")
    expect(explain.get_by_label("Job to ask about")).to_have_value("shared")
    explain.get_by_role("button", name="Explain").click()
    callers = explain.get_by_role("row")
    expect(callers.filter(has_text="web shop")).to_contain_text("call_job on job family shared")
    expect(callers.filter(has_text="admin")).to_contain_text("full_access on everything")
    explain.get_by_role("combobox", name="Who").fill("web shop")
    page.get_by_role("option", name="web shop").click()
    explain.get_by_role("button", name="Explain").click()
    expect(explain).to_contain_text("web shop may call_job shared 0.0.1")

    row.get_by_role("button", name=re.compile("^Revoke call_job of")).click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(row).to_have_count(0)
    explain.get_by_role("button", name="Explain").click()
    expect(explain).to_contain_text("web shop may not call_job shared 0.0.1")


def test_what_is_of_others_is_out_of_reach(visitor, stack, log_in, job_directory):
    stack.racetrack("deploy", str(job_directory("vaulted", JOB.format(factor=2))))
    added = stack.api("POST", "users", {"username": "eve", "password": "a-long-password"})
    assert added.status_code == 200, added.text
    page = visitor.new_page()
    page.goto(f"{stack.dashboard_url}/jobs/vaulted/0.0.1?tab=logs")
    log_in(page, "eve", "a-long-password")
    expect(page.get_by_role("heading", name="vaulted 0.0.1")).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="read_job")).to_be_visible()
    expect(page.get_by_role("log")).to_have_count(0)
    for staff_page in ("users", "consumers", "administration", "records"):
        page.goto(f"{stack.dashboard_url}/{staff_page}")
        expect(page.get_by_text("for staff").first).to_be_visible()
    assert stack.api("PUT", "maintenance", {"maintenance_mode": True}).status_code == 200
    expect(page.get_by_text("Maintenance: jobs can")).to_be_visible()
    assert stack.api("PUT", "maintenance", {"maintenance_mode": False}).status_code == 200
    expect(page.get_by_text("Maintenance: jobs can")).to_be_hidden()
    page.goto(f"{stack.dashboard_url}/change-password")
    for label in ("Present password", "New password", "The new password again"):
        page.get_by_label(label, exact=True).fill("another-long-password")
    page.keyboard.press("Enter")
    expect(page.get_by_text("This is not your present password.")).to_be_visible()
    page.goto(f"{stack.dashboard_url}/jobs")
    expect(page.get_by_role("link", name="vaulted")).to_have_count(0)

    # The cookie of her session is no credential of the proxy, and her session is none for what she may not read.
    proxy = f"{stack.dashboard_url}/api/v1"
    session = next(
        each["value"]
        for each in visitor.cookies(f"{stack.dashboard_url}/")
        if each["name"] == "racetrack_dashboard"
    )
    for path in ("job/vaulted/0.0.1", "job/vaulted/0.0.1/logs/plain", "users", "escs"):
        for headers in ({}, {"X-Racetrack-Auth": session}):
            assert page.request.get(f"{proxy}/{path}", headers=headers).status == 401, path
    revealed = page.request.post(f"{proxy}/auth/token/user/reveal")
    assert revealed.status == 401


def test_an_account_is_asked_for(visitor, watch, stack):
    page = visitor.new_page()
    page.goto(f"{stack.dashboard_url}/register")
    page.get_by_label("E-mail").fill("new@example.com")
    for password, outcome in (("12345678", "digits only"), ("a-long-password", "activate it")):
        for label in ("Password", "The password again"):
            page.get_by_label(label, exact=True).fill(password)
        page.keyboard.press("Enter")
        expect(page.get_by_text(outcome)).to_be_visible()
    users = stack.api("GET", "users").json()
    [added] = [user for user in users if user["username"] == "new@example.com"]
    assert not added["is_active"]


def test_a_plugin_is_installed_configured_and_removed(page, stack, tmp_path):
    bundle = tmp_path / "probe-1.0.0.zip"
    with zipfile.ZipFile(bundle, "w") as file:
        file.writestr("plugin-manifest.yaml", "name: probe\nversion: 1.0.0\n")
        file.writestr("plugin.py", PLUGIN)
    page.goto(f"{stack.dashboard_url}/plugins")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Upload a plugin").click()
    chooser.value.set_files(bundle)
    row = page.get_by_role("row").filter(has_text="probe")

    row.get_by_role("button", name="Configure").click()
    page.get_by_role("textbox", name="Configuration of probe").click()
    page.keyboard.type("colour: [blue")
    expect(page.get_by_text("This is no YAML")).to_have_count(0)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The configuration was saved")).to_be_visible()
    config = stack.api("GET", "plugin/probe/1.0.0/config").json()
    assert config == "colour: [blue]"

    page.goto(f"{stack.dashboard_url}/plugins")
    row.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(row).to_have_count(0)
