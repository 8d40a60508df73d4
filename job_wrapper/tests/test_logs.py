"""The lines that the wrapper writes, whatever the job does to logging, and tracebacks for the job's author."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import racetrack_job_wrapper
from racetrack_job_wrapper.log.tracebacks import format_traceback, summarize_error

PERFORM = "/api/v1/perform"
JOB = """
import logging, logging.config, sys
{configuration}

class Job:
    def perform(self, kind="missing"):
        if kind == "missing":
            return {{}}["b"]
        if kind == "print":
            print("cut \\ud83d")
        return 1
"""
FILE_CONFIGURATION = """
[loggers]
keys=root
[handlers]
keys=h
[formatters]
keys=
[logger_root]
level=ERROR
handlers=h
[handler_h]
class=NullHandler
args=()
"""
CONFIGURATIONS = {
    "dictConfig": """logging.config.dictConfig(
    {"version": 1, "handlers": {"c": {"class": "logging.StreamHandler"}}, "root": {"handlers": ["c"]}})""",
    "dictConfig with a file": """logging.config.dictConfig(
    {"version": 1, "handlers": {"c": {"class": "logging.FileHandler", "filename": "own.log"}}, "root": {"handlers": ["c"]}})""",
    "fileConfig": "logging.config.fileConfig('logging.ini')",
    "disable": "logging.disable(logging.CRITICAL)",
    "handlers.clear": "logging.getLogger().handlers.clear()",
    "basicConfig": "logging.basicConfig(force=True, level=logging.CRITICAL, format='own %(message)s')",
    "levels": """logging.getLogger().setLevel("CRITICAL"); logging.getLogger("racetrack.job").setLevel("CRITICAL")
logging.getLogger().handlers[0].setLevel("CRITICAL")""",
    "a filter that fails": "logging.getLogger().handlers[0].addFilter(lambda record: record.user)",
    "sys.stdout": "sys.stdout = open('printed', 'w')",
}


@pytest.fixture
def serve_file(tmp_path, wait_until):
    """A function that serves a file of code in a process of its own until its calls are made, and returns its output."""

    def serve(code, *payloads, **variables):
        (tmp_path / "job_file.py").write_text(code)
        (tmp_path / "logging.ini").write_text(FILE_CONFIGURATION)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = str(listener.getsockname()[1])
        command = [
            sys.executable,
            "-m",
            "racetrack_job_wrapper",
            "run",
            "job_file.py",
            "--port",
            port,
        ]
        with (
            (tmp_path / "output").open("w") as output,
            subprocess.Popen(
                command, stdout=output, stderr=output, env={**os.environ, **variables}
            ) as process,
            httpx.Client(base_url=f"http://127.0.0.1:{port}") as client,
        ):
            try:
                wait_until(lambda: _is_ready(client))
                answers = [client.post(PERFORM, json=payload) for payload in payloads]
                client.get("/docs")
            finally:
                process.terminate()
                process.wait(20)
        return answers, (tmp_path / "output").read_text()

    return serve


def _is_ready(client):
    try:
        return client.get("/ready").status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_no_logging_of_the_job_silences_the_wrapper(serve_file, configuration):
    _, output = serve_file(JOB.format(configuration=CONFIGURATIONS[configuration]), {})

    assert output.count(f"POST {PERFORM} 500") == 1
    assert output.count("call failed: KeyError: 'b'") == 1
    assert output.count('return {}["b"]') == 1
    assert "is ready to perform" in output
    assert "Logging error" not in output


def test_probes_and_pages_are_no_calls(serve_file):
    _, output = serve_file(f"import time; time.sleep(0.3)\n{JOB.format(configuration='')}", {})

    requests = [line for line in output.splitlines() if "GET " in line or "POST " in line]
    assert [line.partition("INFO  ")[2].split(",")[0] for line in requests] == [
        f"POST {PERFORM} 500"
    ]


def test_a_lone_surrogate_can_be_printed(serve_file):
    (answer,), output = serve_file(JOB.format(configuration=""), {"kind": "print"})

    assert answer.json() == 1
    assert "cut \\ud83d" in output


def test_a_structured_line_holds_the_traceback(serve_file):
    _, output = serve_file(JOB.format(configuration=""), {}, LOG_STRUCTURED="true")

    lines = [json.loads(line) for line in output.splitlines()]
    failed = next(line for line in lines if line["msg"] == "call failed: KeyError: 'b'")
    assert failed["exc_info"].startswith("Traceback (most recent call last):\n  File ")
    assert failed["exc_info"].splitlines()[1].endswith('job_file.py", line 8, in perform')


FAILING = """
class Job:
    def perform(self, kind):
        return getattr(self, kind)()

    def chained(self):
        try:
            return {}["b"]
        except KeyError as error:
            raise RuntimeError("no model") from error

    def deep(self, number=100_000):
        return number == 0 or self.odd(number - 1)

    def odd(self, number):
        return number != 0 and self.deep(number - 1)

    def thing(self):
        return object()
"""


def test_tracebacks_begin_in_the_jobs_code_and_stay_short(serve_file):
    kinds = ("chained", "deep", "thing")
    _, output = serve_file(FAILING, *({"kind": kind} for kind in kinds))

    _, chained, deep, thing = output.split("ERROR call failed: ")
    assert "racetrack_job_wrapper" not in chained
    lines = chained.splitlines()
    assert lines[:2] == ["RuntimeError: no model", "Traceback (most recent call last):"]
    assert lines[2].endswith('job_file.py", line 8, in chained')
    assert lines[3].strip() == 'return {}["b"]'
    assert "KeyError: 'b'" in lines
    assert "During handling" not in chained
    assert deep.startswith("RecursionError: maximum recursion depth exceeded")
    assert "frames are left out" in deep
    assert len(deep) < 8_000
    assert "File " not in thing


class Silent(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("error", "summary"),
    [
        (KeyError("b"), "KeyError: 'b'"),
        (AssertionError(), "AssertionError"),
        (RuntimeError("two\n  lines"), "RuntimeError: two lines"),
        (Silent(), "Silent: (its message can't be read)"),
    ],
)
def test_an_exception_is_summarized_in_one_line(error, summary):
    assert summarize_error(error) == summary


def test_the_traceback_of_an_exception_that_lacks_what_exceptions_have_is_its_summary():
    broken = type("Broken", (ExceptionGroup,), {"exceptions": None})("several", [KeyError()])

    assert format_traceback(broken, None) == "Broken: several (1 sub-exception)"


def test_the_traceback_of_a_group_has_its_members():
    text = format_traceback(ExceptionGroup("several", [ValueError("one"), KeyError("two")]), None)

    assert text.splitlines()[1:] == ["  | ValueError: one", "  | KeyError: 'two'"]


def test_no_module_of_the_wrapper_has_a_logger_that_can_be_disabled():
    sources = Path(racetrack_job_wrapper.__file__).parent.rglob("*.py")

    assert [file.name for file in sources if 'getLogger("racetrack.' in file.read_text()] == []
