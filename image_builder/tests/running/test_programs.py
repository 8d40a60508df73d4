import sys
import time

import pytest
from image_builder.running.programs import Cancellation, Command, CommandFailed, run_command
from image_builder.source.source_tree import measure_bytes

GROWING = """
import sys, time
with open(sys.argv[1], "wb", buffering=0) as file:
    for _ in range(600):
        file.write(b"x" * 100_000)
        time.sleep(0.05)
"""


def test_a_program_is_stopped_while_what_it_writes_grows_too_large(tmp_path):
    def check():
        return "too much" if measure_bytes(tmp_path) > 500_000 else None

    command = Command([sys.executable, "-c", GROWING, str(tmp_path / "file")], {}, check=check)
    began = time.monotonic()

    with pytest.raises(CommandFailed, match="was stopped: too much"):
        run_command(command, lambda line: line, Cancellation())

    assert time.monotonic() - began < 20
    assert measure_bytes(tmp_path) < 10_000_000


def test_a_program_that_stays_small_ends_by_itself():
    command = Command([sys.executable, "-c", "print('done')"], {}, check=lambda: None)
    lines = []

    run_command(command, lambda line: lines.append(line) or line, Cancellation())

    assert lines == ["done"]
