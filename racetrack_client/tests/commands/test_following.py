import io
import json
import os
import signal
import subprocess
import sys

import pytest
from racetrack_client.commands.following import LineWriter, Progress
from racetrack_client.commands.options import Output

FOLLOW = "GET job/adder/0.0.2/logs/follow"
GONE = {"error": "there is no job adder 0.0.2", "type": "EntityNotFound"}


@pytest.fixture
def stream(lifecycle, answer):
    """Let Lifecycle answer with a stream of events that ends."""
    lifecycle.on("GET job/adder/latest", answer({"name": "adder", "version": "0.0.2"}))
    return lambda events: answer(events, 200, "text/event-stream")


def test_followed_logs_come_line_by_line(logged_in, lifecycle, answer, stream):
    events = b'data: "one"\n\n: keep-alive\n\ndata: "tw\\u00f6"\n\n'
    lifecycle.on(f"{FOLLOW}?tail=20", stream(events))
    lifecycle.on(f"{FOLLOW}?tail=0", answer(GONE, 404))

    assert logged_in("logs", "adder", "--follow").stdout == "one\ntwö\n"
    assert lifecycle.received[-1].headers["X-Racetrack-Auth"] == "the-token"
    as_json = logged_in("logs", "adder", "--follow", "-o", "json").stdout
    assert [json.loads(line) for line in as_json.splitlines()] == ["one", "twö"]


def test_following_goes_on_after_an_outage_until_the_job_is_gone(
    logged_in, lifecycle, answer, stream
):
    lifecycle.on(f"{FOLLOW}?tail=5", stream(b'data: "before"\n\n'))
    lifecycle.on(
        f"{FOLLOW}?tail=0",
        answer({"error": "starting"}, 503),
        stream(b'data: "after"\n\n'),
        answer(GONE, 404),
    )

    done = logged_in("logs", "adder", "--follow", "--tail", "5")

    assert done.stdout == "before\nafter\n"
    assert done.returncode == 70
    assert "the connection broke off; some lines may be missing" in done.stderr
    assert done.stderr.endswith("there is no job adder 0.0.2\n")


def test_ctrl_c_is_how_a_reader_says_that_it_was_enough(logged_in, lifecycle, stream):
    lifecycle.on(f"{FOLLOW}?tail=20", stream(b'data: "one"\n\n'))
    lifecycle.on(f"{FOLLOW}?tail=0", stream(b""))
    process = subprocess.Popen(
        [sys.executable, "-m", "racetrack_client", "logs", "adder", "-f"],
        env=logged_in.variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "one\n"

    process.send_signal(signal.SIGINT)
    _out, err = process.communicate(timeout=20)

    assert process.returncode == os.EX_OK
    assert "Traceback" not in err


def test_following_begins_with_the_lines_since_a_time(logged_in, lifecycle, answer, stream):
    since = 1767268800.0
    lifecycle.on(f"{FOLLOW}?since={since}&tail={2**31 - 1}", stream(b'data: "one"\n\n'))
    lifecycle.on(f"{FOLLOW}?tail=0", answer(GONE, 404))

    assert logged_in("logs", "adder", "-f", "--since", "2026-01-01T12:00Z").stdout == "one\n"


@pytest.mark.usefixtures("stream")
def test_a_server_that_can_not_stream_logs_is_called_by_its_name(logged_in, lifecycle, answer):
    lifecycle.on(
        "GET job/adder/0.0.2/logs/follow?tail=20", answer({"detail": "Method Not Allowed"}, 405)
    )

    done = logged_in("logs", "adder", "--follow")

    assert done.returncode == 70
    assert "does not know GET /api/v1/job/adder/0.0.2/logs/follow" in done.stderr


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_frame_is_overwritten_on_a_terminal_and_has_a_line_elsewhere():
    terminal, pipe, as_json = Terminal(), io.StringIO(), io.StringIO()
    writers = [
        LineWriter(terminal, Output.TEXT),
        LineWriter(pipe, Output.TEXT),
        LineWriter(as_json, Output.JSON),
    ]
    for line in ("loading", "10%\r", "20%\r", "20%", "ready"):
        for writer in writers:
            writer.write(line)

    assert terminal.getvalue() == "loading\n10%\r\033[2K20%\r\033[2K20%\nready\n"
    assert pipe.getvalue() == "loading\n10%\n20%\nready\n"
    assert as_json.getvalue().splitlines()[:3] == ['"loading"', '"10%\\r"', '"20%\\r"']


def test_a_terminal_has_one_live_line():
    terminal = Terminal()
    times = iter([0.0, 1.5, 2.5])
    progress = Progress(terminal, lambda: next(times))

    progress.update({"phase": "building image"})
    progress.update({"phase": "starting Job server", "warnings": "old"})
    progress.clear()

    assert "\n" not in terminal.getvalue().replace("warning: old\n", "")
    assert "\r\033[2K[  1.5 s] building image" in terminal.getvalue()
    assert "[  2.5 s] starting Job server" in terminal.getvalue()


def test_elsewhere_each_phase_and_each_new_warning_has_a_line():
    stream = io.StringIO()
    progress = Progress(stream, lambda: 0.0)

    for warnings in ("one", "one", "one\ntwo"):
        progress.update({"phase": "building image", "warnings": warnings})
    progress.update({"phase": None})
    progress.clear()

    assert stream.getvalue() == ("warning: one\n[  0.0 s] building image\nwarning: two\n")


def test_elsewhere_a_large_upload_has_a_line_now_and_then():
    stream = io.StringIO()
    seconds = iter([0.0, 1.0, 2.0, 6.5])
    show = Progress(stream, lambda: next(seconds)).on_bytes("sending")

    for mebibytes in (1, 2, 7):
        show(mebibytes * 1024**2, 10 * 1024**2)

    assert stream.getvalue() == (
        "[  1.0 s] sending 1.0 of 10.0 MiB\n[  6.5 s] sending 7.0 of 10.0 MiB\n"
    )


HOSTILE = "\x1b]0;title\x07\x1b[31mred\x1b[0m\x1b[2J\u202e!\n"


def test_logs_and_errors_hold_no_control_characters_unless_the_user_wants_them(
    logged_in, lifecycle, answer
):
    lifecycle.on("GET job/adder/latest", answer({"name": "adder", "version": "0.0.2"}))
    lifecycle.on("GET job/adder/0.0.2/logs?tail=20", answer({"logs": HOSTILE}))
    lifecycle.on("GET job/adder/latest/build-logs?tail=0", answer({"error": HOSTILE}, 409))

    assert logged_in("logs", "adder").stdout == "red!\n"
    assert logged_in("logs", "adder", "--raw").stdout == HOSTILE
    assert not set(logged_in("build-logs", "adder").stderr) & {"\x1b", "\x07", "\u202e"}
    shown = logged_in.on_terminal("logs", "adder").screen
    assert "\x1b[31mred\x1b[0m" in shown
    assert [each for each in ("\x1b]0;", "\x1b[2J", "\u202e") if each in shown] == []
