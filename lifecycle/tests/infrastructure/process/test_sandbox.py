"""Jobs that Landlock holds to their own files and ports; what the kernel lacks can't be tested."""

import os
import socket
from uuid import uuid4

import httpx
import pytest
from lifecycle.infrastructure.process import sandbox
from lifecycle.infrastructure.process.deployer import ProcessDeployer
from lifecycle.infrastructure.process.job_users import JobUser
from lifecycle.infrastructure.process.sandbox import JobSandbox
from racetrack_commons.os_users.enter import read_landlock_version
from racetrack_commons.settings import SettingsError
from racetrack_commons.testing.serving import wait_until

with_landlock = pytest.mark.skipif(
    read_landlock_version() < 6, reason="the kernel has no Landlock that knows signals (Linux 6.12)"
)
SPY = """
import http.server, json, os, pathlib, socket, sys, tempfile

def attempt(code):
    try:
        return str(eval(code))
    except OSError as error:
        return type(error).__name__

class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        attempts = json.loads(self.rfile.read(int(self.headers["content-length"])))
        body = json.dumps([attempt(code) for code in attempts]).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
"""


@pytest.fixture
def process_config(process_config):
    return process_config.model_copy(update={"job_sandbox": True})


@pytest.fixture
def ask_spy(deployer: ProcessDeployer, make_spec):
    """Starts a spy, and lets it evaluate expressions."""
    instance = deployer.start_instance(make_spec(str(uuid4()), SPY))

    def ask(*attempts: str) -> list[str]:
        url = f"http://{instance.internal_name}"
        return httpx.post(url, json=attempts, trust_env=False).json()

    def answers() -> bool:
        try:
            return ask("1") == ["1"]
        except httpx.TransportError:
            return False

    wait_until(answers)
    return ask


@with_landlock
def test_a_job_in_a_sandbox_works_with_its_own_files(ask_spy, process_config):
    assert ask_spy(
        "pathlib.Path('server.py').exists()",
        "pathlib.Path.home().joinpath('kept').write_text('12')",
        "tempfile.TemporaryFile().write(b'123')",
        "open('/dev/null', 'w').write('1')",
        "open('/dev/stdout', 'w').write('said to the log')",
        f"str(pathlib.Path.home()).startswith('{process_config.job_homes_dir}')",
    ) == ["True", "2", "3", "1", "15", "True"]


@with_landlock
def test_a_job_in_a_sandbox_reaches_nothing_else(ask_spy, process_config, tmp_path):
    database = tmp_path / "racetrack.sqlite3"
    database.touch(mode=0o666)
    with socket.socket() as another:
        another.bind((process_config.job_host, 0))
        port = another.getsockname()[1]

    told = ask_spy(
        f"open('{database}')",
        "os.listdir('..')",
        "open('server.py', 'a')",
        f"os.kill({os.getpid()}, 0)",
        f"open('/proc/{os.getpid()}/environ').read()",
        f"socket.create_server(('{process_config.job_host}', {port}))",
    )

    # Where jobs have users of their own, directories of the platform are not even in their view.
    assert set(told) <= {"PermissionError", "FileNotFoundError"}


@with_landlock
def test_further_files_are_read_where_the_platform_says_so(process_config, tmp_path):
    models = tmp_path / "models"
    config = process_config.model_copy(update={"job_sandbox_paths": (models,)})
    user = JobUser(None, tmp_path / "home")

    told = JobSandbox(config, has_users=True).confine(user, [], [])

    assert models in told.readable
    assert models not in told.writable


@with_landlock
@pytest.mark.skipif(os.geteuid() != 0, reason="only root's rights are beyond Landlock")
def test_there_is_no_sandbox_for_jobs_that_run_as_root(process_config):
    with pytest.raises(SettingsError, match="let JOB_USERS be true"):
        JobSandbox(process_config, has_users=False)


@pytest.mark.parametrize(("version", "gaps"), [(3, ["port", "signal"]), (5, ["signal"]), (6, [])])
def test_an_older_kernel_leaves_gaps_that_the_log_names(
    process_config, monkeypatch, caplog, version, gaps
):
    monkeypatch.setattr(sandbox, "read_landlock_version", lambda: version)

    JobSandbox(process_config, has_users=True)

    told = [each.message for each in caplog.records]
    assert [gap in line for gap, line in zip(gaps, told, strict=True)] == [True] * len(gaps)


def test_a_kernel_without_landlock_is_refused(process_config, monkeypatch):
    monkeypatch.setattr(sandbox, "read_landlock_version", lambda: 0)

    with pytest.raises(SettingsError, match="no Landlock"):
        JobSandbox(process_config, has_users=True)
