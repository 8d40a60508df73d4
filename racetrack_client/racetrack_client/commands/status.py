"""`racetrack status` and `open`: one job; `racetrack dashboard`: all of them in a browser."""

import sys
import time
import webbrowser
from collections.abc import Iterator
from typing import Any

import typer

from racetrack_client.client.deployment_progress import describe_status, is_running
from racetrack_client.client.session import Session, job_path
from racetrack_client.client.suggestions import find_last_deployment, suggesting_jobs
from racetrack_client.commands.job_tables import describe_memory, paint_status, tidy_job
from racetrack_client.commands.opening import open_session
from racetrack_client.commands.options import (
    JobName,
    JobVersion,
    Output,
    OutputOption,
    Remote,
    print_data,
    say,
)
from racetrack_client.log.errors import EntityNotFound
from racetrack_client.utils.request import ResponseError
from racetrack_client.utils.semver import is_version_pattern
from racetrack_client.utils.time import days_ago_text

app = typer.Typer()


@app.command("status", no_args_is_help=True)
def status(
    name: JobName,
    remote: Remote = None,
    version: JobVersion = "latest",
    output: OutputOption = Output.TEXT,
) -> None:
    """Show the state of a job: its address, its calls, its replicas, and what is wrong with it."""
    session = open_session(remote)
    job = _get_job(session, name, version)
    rows = [*_describe(job), *_describe_last_deployment(session, job)]
    width = max(len(title) for title, _ in rows)
    print_data(
        tidy_job(job), output, "\n".join(f"{title:<{width}}   {text}" for title, text in rows)
    )


@app.command("open", no_args_is_help=True)
def open_page(
    name: JobName,
    remote: Remote = None,
    version: JobVersion = "latest",
    output: OutputOption = Output.TEXT,
) -> None:
    """Open the page of a job in a browser, and print its URL."""
    job = _get_job(open_session(remote), name, version)
    url = job.get("pub_url")
    if not url:
        raise EntityNotFound(f"job {name} {job['version']} has no page: it has no URL yet")
    _show_in_browser(url, output)


@app.command("dashboard")
def open_dashboard(remote: Remote = None, output: OutputOption = Output.TEXT) -> None:
    """Open the dashboard of the platform in a browser, and print its URL."""
    _show_in_browser(open_session(remote).dashboard_url, output)


def _show_in_browser(url: str, output: Output) -> None:
    print_data({"url": url}, output, url)
    sys.stdout.flush()
    if not webbrowser.open(url):
        say("no browser can be started here; open the URL in one")


def _get_job(session: Session, name: str, version: str) -> dict[str, Any]:
    """Return a job; an alias of which no version has served yet means the one that starts for the first time."""
    with suggesting_jobs(session, name):
        try:
            return dict(session.call("GET", job_path(name, version)))
        except ResponseError as error:
            last = find_last_deployment(session, name) if error.status_code == 404 else None
            if last is None or not is_running(last) or not _is_alias(version):
                raise
            return dict(session.call("GET", job_path(name, last["job_version"])))


def _is_alias(version: str) -> bool:
    return version == "latest" or is_version_pattern(version)


def _describe_last_deployment(session: Session, job: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the line about a deployment that goes on, or did not succeed."""
    last = find_last_deployment(session, job["name"], job["version"])
    if last is None or str(last["status"]).lower() == "done":
        return
    if is_running(last):
        yield "deployment", f"{describe_status(last)}; `racetrack attach {last['id']}` follows it"
        return
    ended = days_ago_text(last["update_time"], int(time.time()))
    text = str(last.get("error") or "no cause is known").strip().replace("\n", "\n    ")
    yield (
        "deployment",
        f"the last one {'ended' if last.get('is_cancelled') else 'failed'} {ended}: {text}",
    )


def _describe(job: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the title and the text of each line; what an older server does not tell is left out."""
    now = int(time.time())
    yield "job", f"{job['name']} {job['version']}"
    yield "status", paint_status(str(job.get("status", "")).upper(), sys.stdout)
    for title in ("error", "notice"):
        if text := job.get(title):
            yield title, str(text).strip().replace("\n", "\n    ")
    updated = days_ago_text(job.get("update_time"), now)
    by = f" by {job['deployed_by']}" if job.get("deployed_by") else ""
    yield "updated", f"{updated}{by}"
    yield "last call", days_ago_text(job.get("last_call_time"), now)
    for title, key in (
        ("url", "pub_url"),
        ("job type", "job_type_version"),
        ("target", "infrastructure_target"),
    ):
        if text := job.get(key):
            yield title, str(text)
    yield "replicas", str(len(job.get("replica_internal_names") or []) or 1)
    statistics = job.get("infrastructure_stats") or {}
    if memory := describe_memory(statistics):
        yield "memory", memory
    if restarts := statistics.get("number_of_restarts"):
        yield "restarts", str(restarts)
