import os
import resource
import subprocess
import sys
import time
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from lifecycle.infrastructure.process.log_file import (
    MOST_TAIL_BYTES,
    FollowedLog,
    open_log,
    read_last_lines,
    read_lines_since,
    remove_old_logs,
    rotate,
)


def test_the_last_lines_are_read_from_the_end(tmp_path: Path):
    log = tmp_path / "job.log"
    log.write_text("".join(f"line {number}\n" for number in range(50_000)))
    assert read_last_lines(log, 2) == ["line 49998", "line 49999"]
    assert read_last_lines(log, 0) == []
    assert read_last_lines(tmp_path / "none.log", 5) == []


def test_a_large_log_is_moved_aside_and_its_writer_goes_on(tmp_path: Path):
    log = tmp_path / "job.log"
    with log.open("a") as writer:
        writer.write("first\n" * 100)
        writer.flush()
        rotate(log, max_bytes=100)
        writer.write("second\n")
        writer.flush()
        assert log.read_text() == "second\n"
        assert read_last_lines(log, 2) == ["first", "second"]


def test_a_job_that_writes_during_rotations_loses_no_line(tmp_path: Path):
    log = tmp_path / "job.log"
    followed, seen = FollowedLog(log), []
    with subprocess.Popen([sys.executable, "-c", WRITER, str(log), "100000"]) as writer:
        while writer.poll() is None:
            seen += followed.read_new_lines()
            rotate(log, max_bytes=200_000)
    seen += followed.read_new_lines()

    if can_cut_files(tmp_path):
        assert seen == [str(number) for number in range(100_000)]
    else:
        # The file system leaves an instant in which lines are lost.
        assert (seen[0], seen[-1]) == ("0", "99999")


WRITER = """
import os, sys
log = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
for number in range(int(sys.argv[2])):
    os.write(log, b"%d\\n" % number)
"""


def can_cut_files(folder: Path) -> bool:
    probe = folder / "probe.log"
    probe.write_bytes(b"x" * 100_000)
    rotate(probe, max_bytes=1)
    return probe.stat().st_size > 0


def test_new_lines_are_followed_across_a_rotation(tmp_path: Path):
    log = tmp_path / "job.log"
    log.write_text("old\n" * 50)
    followed = FollowedLog(log)
    assert followed.read_last_lines(1) == ["old"]

    with log.open("a") as writer:
        writer.write("one\ntw")
    assert list(followed.read_new_lines()) == ["one"]
    with log.open("a") as writer:
        writer.write("o\njust before\n")
    rotate(log, max_bytes=1)
    with log.open("a") as writer:
        writer.write("after\n")

    assert list(followed.read_new_lines()) == ["two", "just before", "after"]
    assert list(followed.read_new_lines()) == []


def test_old_logs_go_and_those_of_known_processes_stay(tmp_path: Path):
    for name in ("job-a/one.log", "job-a/one.log.1", "job-a/two-1.log.2", "job-b/three.log"):
        log = tmp_path / name
        with open_log(log) as file:
            file.write(b"1\n")
        os.utime(log, (0, 0))
    young = tmp_path / "job-c/four.log"
    open_log(young).close()

    before = datetime.now(UTC) - timedelta(days=7)
    removed = remove_old_logs(tmp_path, {tmp_path / "job-a/one.log"}, before)

    assert len(removed) == 2
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.log*"))
    assert left == ["job-a/one.log", "job-a/one.log.1", "job-c/four.log"]
    assert not (tmp_path / "job-b").exists()


def test_lines_are_counted_across_rotations_and_only_newlines_end_them(tmp_path: Path):
    log = tmp_path / "job.log"
    for part in ("one\ntwo ha", "lf\nthree\x85\u2028\x0b\n\r10%\r2", "0%\nend"):
        with log.open("a") as writer:
            writer.write(part)
        if not part.endswith("end"):
            rotate(log, max_bytes=1)

    lines = ["one", "two half", "three\x85\u2028\x0b", "20%", "end"]
    for count in range(7):
        assert read_last_lines(log, count) == lines[len(lines) - min(count, 5) :]


def test_the_end_of_an_endless_line_is_found_at_once(tmp_path: Path):
    log = tmp_path / "job.log"
    log.write_bytes(b"start\n" + b"x" * 50_000_000 + b"\nend\n")
    tracemalloc.start()
    started = time.monotonic()
    line, end = read_last_lines(log, 2)
    elapsed = time.monotonic() - started
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert elapsed < 2
    assert peak < 10_000_000
    assert line.startswith("xxx")
    assert line.endswith("more bytes in this line)")
    assert end == "end"


def test_only_the_end_of_an_endless_line_is_read(tmp_path: Path, monkeypatch):
    log = tmp_path / "job.log"
    with log.open("wb") as file:
        file.truncate(200_000_000)  # No block of it is written: the file system reads zeros.
    sizes = []
    open_path = Path.open

    def counting(path, *arguments, **options):
        file = open_path(path, *arguments, **options)
        return CountingFile(file, sizes)

    monkeypatch.setattr(Path, "open", counting)

    (line,) = read_last_lines(log, 20)

    assert line.endswith("more bytes in this line)")
    assert sum(sizes) < 3 * MOST_TAIL_BYTES


class CountingFile:
    """A file that notes how many bytes are read from it."""

    def __init__(self, file, sizes):
        self.file, self.sizes = file, sizes

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def seek(self, *arguments):
        return self.file.seek(*arguments)

    def read(self, size):
        content = self.file.read(size)
        self.sizes.append(len(content))
        return content


def test_of_a_burst_only_the_end_is_moved_aside_and_followers_are_told(tmp_path: Path):
    log = tmp_path / "job.log"
    log.write_text("first\n")
    followed = FollowedLog(log)
    assert followed.read_last_lines(1) == ["first"]
    with log.open("a") as writer:
        writer.writelines(f"line {number:06}\n" for number in range(100_000))

    rotate(log, max_bytes=50_000)

    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 3 * 50_000
    told, _, *lines = followed.read_new_lines()
    assert told.startswith("racetrack: ")
    assert told.endswith(" bytes of the log are left out here")
    assert lines[-1] == "line 099999"
    assert read_last_lines(log, 2) == ["line 099998", "line 099999"]
    with log.open("a") as writer:
        writer.write("after\n")
    assert list(followed.read_new_lines()) == ["after"]


def test_a_log_that_can_not_be_moved_aside_is_cut_all_the_same(tmp_path: Path):
    log = tmp_path / "job.log"
    log.write_text("line\n" * 1000)
    followed = FollowedLog(log)
    assert followed.read_last_lines(1) == ["line"]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, hard))  # Stands for a full disk.
    try:
        rotate(log, max_bytes=3000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert "the log until here is lost" in log.read_text()
    assert log.stat().st_size < 200
    with log.open("a") as writer:
        writer.write("after\n")
    assert list(followed.read_new_lines())[-1] == "after"


def test_a_line_that_had_begun_is_followed_whole(tmp_path: Path):
    log = tmp_path / "job.log"
    log.write_text("old\nbeg")
    followed = FollowedLog(log)
    assert followed.read_last_lines(0) == []
    assert followed.frame == "beg"

    with log.open("a") as writer:
        writer.write("un\n")

    assert list(followed.read_new_lines()) == ["begun"]


@pytest.mark.parametrize(
    "form",
    [
        "[2026-05-01 12:{:02}:00] INFO  text",
        "\x1b[2m2026-05-01T12:{:02}:00.123Z\x1b[0m text",
        "2026-05-01T12:{:02}:00.123456789Z text",
        '{{"time": "2026-05-01T12:{:02}:00.123456Z", "msg": "text"}}',
        "2026-05-01 12:{:02}:00,123 text",
    ],
)
def test_lines_since_a_time_are_told_by_the_times_they_begin_with(tmp_path: Path, form):
    zone = UTC if "Z" in form else None
    log = tmp_path / "job.log"
    early, late = form.format(1), form.format(31)
    (tmp_path / "job.log.1").write_text(f"banner\n{early}\n  traceback\n2026-99-99 00:00:00\n")
    log.write_text(f"{late}\n  traceback\nend")
    started = datetime(2026, 5, 1, 12, 0, tzinfo=zone).astimezone()

    def since(minute, count=100):
        moment = datetime(2026, 5, 1, 12, minute, tzinfo=zone).astimezone()
        return read_lines_since(log, moment, started, count)

    assert since(30) == [late, "  traceback", "end"]
    assert since(30, 2) == ["  traceback", "end"]
    assert since(32) == []
    assert len(since(1)) == 6
    assert since(0)[0] == "banner"


@pytest.mark.parametrize(
    "beginning", ['time:"', '"time":"', "ts= ", "timestamp=", "\x1b[0m", "\x1b[0;", ' "', "[{("]
)
def test_a_line_that_looks_like_a_time_for_long_is_read_at_once(tmp_path: Path, beginning):
    log = tmp_path / "job.log"
    log.write_text(f"{beginning * 10_000}x\n" * 20)
    now = datetime.now(UTC)
    started = time.monotonic()

    assert read_lines_since(log, now, now - timedelta(hours=1), 20) == []

    assert time.monotonic() - started < 5
