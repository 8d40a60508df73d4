"""The command line and a job as a real process."""

import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest
from racetrack_job_wrapper.__main__ import main
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

PERFORM = "/api/v1/perform"
ADDER = """
class Helper:
    pass

class AdderModel:
    def perform(self, numbers):
        return sum(numbers)
"""
SLOW = """
import logging, pathlib, time

class Slow:
    def perform(self, seconds):
        logging.getLogger(__name__).info("working")
        pathlib.Path("began").touch()
        time.sleep(seconds)
        return "done"
"""
CHAT = """
async def chat(scope, receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})

class Chat:
    def perform(self):
        return None

    def webview_app(self, base_url):
        return chat
"""
AT_HOME = """
import asyncio, multiprocessing, pathlib, signal, threading, time

got = []

class Job:
    def __init__(self):
        signal.signal(signal.SIGUSR1, lambda number, _: got.append(number))
        self.loop = asyncio.get_event_loop()
        self.names = [threading.current_thread().name]

    def perform(self, seconds=0):
        if seconds:
            pathlib.Path("began").touch()
            time.sleep(seconds)
        signal.raise_signal(signal.SIGUSR1)
        return [*self.names, threading.current_thread().name, len(got)]

    def fork(self):
        child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
        child.start()
        child.terminate()
        child.join(10)
        return child.exitcode

    async def compute(self):
        pathlib.Path("began").touch()
        time.sleep(60)

    def auxiliary_endpoints(self):
        return {"/fork": self.fork, "/compute": self.compute}

    def webview_app(self, base_url):
        async def app(scope, receive, send):
            await receive()
            await send({"type": "websocket.accept"})
            message = await receive()
            await send({"type": "websocket.send", "text": message["text"] + "!"})
            await send({"type": "websocket.close", "code": 1000})

        return app
"""
EXITING = """
import signal, sys

class Job:
    def __init__(self):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(9))

    def perform(self):
        return 1
"""
LOADING = """
import pathlib, time

pathlib.Path("began").touch()
time.sleep(60)
"""


@contextmanager
def running(*arguments, directory, env=None, port=None):
    if port is None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
    command = [sys.executable, "-m", "racetrack_job_wrapper", "run", *arguments]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    output = (directory / "output").open("w")
    with (
        output,
        subprocess.Popen(command, cwd=directory, stdout=output, stderr=output, env=env) as process,
    ):
        try:
            yield process, f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def listens(url):
    try:
        httpx.get(f"{url}/live")
    except httpx.TransportError:  # Refused, or accepted by the kernel alone and closed.
        return False
    return True


def responds(url, status=200):
    try:
        return httpx.get(url).status_code == status
    except httpx.TransportError:
        return False


def test_a_file_becomes_a_service(tmp_path, wait_until):
    (tmp_path / "adder.py").write_text(ADDER)

    with running("adder.py", directory=tmp_path) as (process, url):
        wait_until(lambda: responds(f"{url}/ready"))
        answer = httpx.post(f"{url}/api/v1/perform", json={"numbers": [40, 2]})
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0

    assert answer.json() == 42


@pytest.mark.parametrize(
    ("name", "content", "arguments", "error"),
    [
        ("other.py", ADDER, (), "adder.py file not found"),
        ("adder.py", ADDER, ("Nobody",), "class name Nobody was not found"),
        ("adder.py", "x = 1", (), "no class has been found in module"),
        ("adder.py", f"{ADDER}class B(AdderModel): pass", (), "multiple classes found in a module"),
        ("adder.py", "import nothing_like_this", (), "No module named 'nothing_like_this'"),
        ("adder.py", "raise SystemExit(4)", (), "4 (adder.py, line 1), cause=SystemExit"),
        ("job.yaml", "a: [", (), "the manifest can't be read"),
    ],
)
def test_a_job_that_can_not_be_loaded_says_why_on_its_probe(
    tmp_path, wait_until, name, content, arguments, error
):
    (tmp_path / name).write_text(content)

    with running("adder.py", *arguments, directory=tmp_path) as (process, url):
        wait_until(lambda: responds(f"{url}/live", 500))
        assert error in httpx.get(f"{url}/live").json()["error"]
        assert process.poll() is None


def test_a_stopping_job_finishes_its_calls(tmp_path, wait_until):
    (tmp_path / "slow.py").write_text(SLOW)

    with running("slow.py", directory=tmp_path) as (process, url), ThreadPoolExecutor(1) as caller:
        wait_until(lambda: responds(f"{url}/ready"))
        call = caller.submit(httpx.post, f"{url}/api/v1/perform", json={"seconds": 1})
        wait_until((tmp_path / "began").exists)
        process.send_signal(signal.SIGTERM)
        assert call.result().json() == "done"
        assert process.wait(10) == 0


def test_a_stopping_job_lets_websockets_end(tmp_path, wait_until):
    (tmp_path / "chat.py").write_text(CHAT)

    with running("chat.py", directory=tmp_path) as (process, url):
        wait_until(lambda: responds(f"{url}/ready"))
        page = f"{url.replace('http', 'ws')}/pub/job/JOB_NAME/JOB_VERSION/api/v1/webview/"
        with connect(page, proxy=None) as websocket:
            websocket.send("before")
            assert websocket.recv(5) == "before"
            process.send_signal(signal.SIGTERM)
            wait_until(lambda: not listens(url))
            websocket.send("after")
            assert websocket.recv(5) == "after"
            assert process.poll() is None
        assert process.wait(10) == 0


def test_the_manifest_sets_the_largest_message_of_a_websocket(tmp_path, wait_until):
    (tmp_path / "chat.py").write_text(CHAT)
    (tmp_path / "job.yaml").write_text("jobtype_extra: {max_websocket_message: 20Mi}")

    with running("chat.py", directory=tmp_path) as (_, url):
        wait_until(lambda: responds(f"{url}/ready"))
        page = f"{url.replace('http', 'ws')}/pub/job/JOB_NAME/JOB_VERSION/api/v1/webview/"
        with connect(page, proxy=None, max_size=None) as websocket:
            websocket.send("x" * 20 * 1024**2)
            assert len(websocket.recv(20)) == 20 * 1024**2
            websocket.send("x" * (20 * 1024**2 + 1))
            with pytest.raises(ConnectionClosed) as closed:
                websocket.recv(20)

    assert closed.value.rcvd.code == 1009
    assert f"limit of {20 * 1024**2} bytes" in closed.value.rcvd.reason


def test_a_head_is_bounded(tmp_path, wait_until):
    (tmp_path / "chat.py").write_text(CHAT)

    with running("chat.py", directory=tmp_path) as (_, url):
        wait_until(lambda: responds(f"{url}/ready"))
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), 10) as caller:
            caller.sendall(b"GET / HTTP/1.1\r\nHost: h\r\nFiller: " + b"x" * 70_000)
            assert caller.recv(65536).startswith(b"HTTP/1.1 431 ")


def test_a_call_past_the_grace_period_does_not_keep_the_process(tmp_path, wait_until):
    (tmp_path / "slow.py").write_text(SLOW)

    with (
        running("slow.py", directory=tmp_path, env={"JOB_GRACE_SECONDS": "1"}) as (process, url),
        ThreadPoolExecutor(1) as caller,
    ):
        wait_until(lambda: responds(f"{url}/ready"))
        call = caller.submit(httpx.post, f"{url}/api/v1/perform", json={"seconds": 60})
        wait_until((tmp_path / "began").exists)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert call.exception() or call.result().status_code >= 500


def test_log_records_of_the_job_carry_tracing_id_and_caller(tmp_path, wait_until):
    (tmp_path / "slow.py").write_text(SLOW)
    headers = {
        "X-Request-Tracing-Id": "trace-7",
        "X-Caller-Name": "bob",
        "X-Racetrack-Auth": "t0ken",
    }

    with running("slow.py", directory=tmp_path, env={"LOG_CALLER_NAME": "true"}) as (_, url):
        wait_until(lambda: responds(f"{url}/ready"))
        httpx.post(f"{url}/api/v1/perform", json={"seconds": 0}, headers=headers)
        log = (tmp_path / "output").read_text()

    assert "INFO  working, tracing_id=trace-7, caller_name=bob" in log
    assert "t0ken" not in log


def test_a_job_is_called_once_from_the_command_line(tmp_path, capsys):
    (tmp_path / "adder.py").write_text(ADDER)

    assert main(["run", "adder.py", "--call", '{"numbers": [40, 2]}']) == 0

    assert capsys.readouterr().out.endswith("42\n")


def test_check_tells_whether_a_job_loads(tmp_path, capsys):
    (tmp_path / "job.yaml").write_text("jobtype_extra: {entrypoint_path: adder.py}")
    assert main(["run", "--check"]) == 1
    assert "adder.py file not found" in capsys.readouterr().err

    (tmp_path / "adder.py").write_text(ADDER)
    assert main(["run", "--check"]) == 0


def test_without_arguments_help_is_shown(capsys):
    assert main([]) == 0
    assert "serve a job" in capsys.readouterr().err


def test_a_job_does_without_a_profiler_that_is_not_installed(tmp_path, wait_until):
    (tmp_path / "adder.py").write_text(ADDER)

    with running("adder.py", directory=tmp_path, env={"MEMRAY_PROFILER": "true"}) as (_, url):
        wait_until(lambda: responds(f"{url}/ready"))
        assert httpx.post(f"{url}/api/v1/perform", json={"numbers": [40, 2]}).json() == 42
        refused = httpx.post(f"{url}/api/v1/profiler/memray/start")
        unknown = httpx.get(f"{url}/api/v1/profiler/memray/stats")

    assert refused.status_code == 400
    assert "add `memray>=1.17` to the job's requirements" in refused.json()["error"]
    assert "nothing is recorded yet" in unknown.json()["error"]


def test_a_job_is_at_home_in_its_process(tmp_path, wait_until):
    (tmp_path / "job.py").write_text(AT_HOME)

    with running("job.py", directory=tmp_path) as (process, url):
        wait_until(lambda: responds(f"{url}/ready"))
        answers = [httpx.post(f"{url}{PERFORM}").json() for _ in range(2)]
        forked = httpx.post(f"{url}/api/v1/fork", timeout=20).json()
        with connect(f"{url.replace('http', 'ws')}/api/v1/webview/", proxy=None) as socket:
            socket.send("hello")
            echoed = socket.recv(10)
        after = httpx.get(f"{url}/live").status_code
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0

    assert answers == [["MainThread", "MainThread", 1], ["MainThread", "MainThread", 2]]
    assert (forked, after) == (-signal.SIGTERM, 200)
    assert echoed == "hello!"


@pytest.mark.parametrize(
    ("source", "path"),
    [(AT_HOME, PERFORM), (AT_HOME, "/api/v1/compute"), (EXITING, None), (LOADING, None)],
)
def test_a_job_stops_in_time_whatever_its_main_thread_does(tmp_path, wait_until, source, path):
    (tmp_path / "job.py").write_text(source)
    environment = {"JOB_GRACE_SECONDS": "1"}

    with (
        running("job.py", directory=tmp_path, env=environment) as (process, url),
        ThreadPoolExecutor(1) as caller,
    ):
        wait_until(lambda: responds(f"{url}/live" if source is LOADING else f"{url}/ready"))
        if path:
            caller.submit(
                httpx.post, f"{url}{path}", json={"seconds": 60} if path == PERFORM else {}
            )
        if source is not EXITING:
            wait_until((tmp_path / "began").exists)
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0


def test_a_port_that_is_taken_ends_a_job_that_is_still_loading(tmp_path, wait_until):
    (tmp_path / "job.py").write_text(LOADING)

    with running("job.py", directory=tmp_path) as (_, url):
        wait_until(lambda: responds(f"{url}/live"))
        port = int(url.rpartition(":")[2])
        with running("job.py", directory=tmp_path, port=port) as (second, _):
            assert second.wait(10) > 0


def test_a_job_serves_at_the_socket_that_it_inherits(tmp_path):
    (tmp_path / "adder.py").write_text(ADDER)
    command = [sys.executable, "-m", "racetrack_job_wrapper", "run", "adder.py", "AdderModel"]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        fd, url = listener.fileno(), f"http://127.0.0.1:{listener.getsockname()[1]}"
        command += ["--port", "1", "--fd", str(fd)]
        process = subprocess.Popen(command, cwd=tmp_path, pass_fds=[fd])
    with process:
        # The caller comes before the job serves, and waits.
        answer = httpx.get(f"{url}/live", timeout=20)
        process.terminate()
    assert answer.json()["live"]
    assert process.returncode == 0
