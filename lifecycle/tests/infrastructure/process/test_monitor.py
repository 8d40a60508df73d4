"""The status of process jobs: a start is no error, a crash loop and another program's answer are."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import psutil
import pytest
from lifecycle.database.tables.deployment import JobProcessRow
from lifecycle.infrastructure.process.memory_watch import MemoryUses
from lifecycle.infrastructure.process.monitor import ProcessMonitor
from lifecycle.testing.instances import an_instance, save_instance
from racetrack_commons.entities.dto import JobStatus
from racetrack_commons.testing.serving import wait_until

SLOW = "import time\ntime.sleep(600)\n"
STRANGER = """
import http.server, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b'{"live": true}'
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

http.server.HTTPServer((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
"""


@pytest.fixture
def serve(deployer, make_spec, unit_of_work):
    """Starts a program as the serving instance `one`."""

    def start(*code, proves_itself=False):
        instance = deployer.start_instance(make_spec("one", *code))
        row = an_instance(instance.job_name, instance.job_version, proves_itself=proves_itself)
        save_instance(unit_of_work, row)

    return start


@pytest.fixture
def observe(deployer, process_config, answer_watch):
    monitor = ProcessMonitor(deployer, MemoryUses(), answer_watch)

    def observe():
        (job,) = monitor.list_jobs(process_config)
        return job

    return observe


def change_row(unit_of_work, **values):
    with unit_of_work() as uow:
        row = uow.session.query(JobProcessRow).one()
        for key, value in values.items():
            setattr(row, key, value)
        return row.pid


def test_a_job_that_answers_is_running(serve, observe):
    serve()

    wait_until(lambda: observe().status == JobStatus.RUNNING)
    assert observe().error is None


def test_a_process_that_loads_is_starting(serve, observe, process_config):
    serve(SLOW)

    job = observe()

    assert (job.status, job.error) == (JobStatus.STARTING, None)
    assert "does not answer" in job.notice
    process_config.timeout_until_job_ready = 0
    assert observe().status == JobStatus.ERROR, "it takes too long"


def test_a_process_that_was_ended_once_is_starting_and_one_that_crashes_again_and_again_is_not(
    serve, observe, unit_of_work
):
    serve(SLOW)
    pid = change_row(unit_of_work)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not psutil.pid_exists(pid))
    assert (observe().status, observe().error) == (JobStatus.STARTING, None)

    change_row(unit_of_work, restarts=5, next_start_at=datetime.now(UTC) + timedelta(seconds=8))

    assert observe().status == JobStatus.ERROR
    assert "it crashed 5 times" in observe().error


def test_a_program_that_does_not_prove_itself_any_more_is_an_error(serve, observe):
    serve(STRANGER, proves_itself=True)

    wait_until(lambda: observe().status == JobStatus.ERROR)
    assert "another program answers at the job's address" in observe().error


def test_another_program_at_the_port_of_a_job_that_proves_nothing_is_an_error(
    serve, observe, deployer
):
    """The job has closed its port, as by a fault of its own, and runs on."""
    serve(SLOW)
    [instance] = deployer.list_instances()
    host, port = instance.internal_name.split(":")
    with subprocess.Popen([sys.executable, "-c", STRANGER, host, port]) as stranger:
        wait_until(lambda: "another program" in (observe().error or ""))
        assert observe().status == JobStatus.ERROR
        stranger.kill()
