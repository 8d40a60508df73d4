import threading

import pytest
from racetrack_client.utils.shell import CommandError, CommandOutputStream, shell, shell_output


def test_output_of_both_kinds_is_returned():
    assert shell_output(["sh", "-c", "echo out; echo err >&2"]) == "out\nerr\n"


def test_arguments_are_not_read_by_a_shell():
    assert shell_output(["echo", "$HOME; ls"]) == "$HOME; ls\n"


def test_the_strings_of_older_plugins_go_through_a_shell():
    assert shell_output("echo a | tr a b") == "b\n"


def test_a_failure_has_the_output_and_the_code(capfd):
    with pytest.raises(CommandError) as caught:
        shell(["sh", "-c", "echo reason; exit 3", "--token=hunter2"])

    assert (caught.value.returncode, caught.value.stdout) == (3, "reason\n")
    assert caught.value.cmd[0] == "sh"
    assert "hunter2" not in str(caught.value)


def test_lines_are_handed_over_until_the_program_is_interrupted():
    lines: list[str] = []
    errors: list[CommandError] = []
    enough = threading.Event()

    def on_next_line(line: str) -> None:
        lines.append(line)
        enough.set()

    stream = CommandOutputStream(
        "echo first; exec sleep 60", on_next_line=on_next_line, on_error=errors.append
    )
    assert enough.wait(timeout=10)
    stream.interrupt()
    stream.interrupt()

    assert lines == ["first"]
    assert errors == []


def test_a_stream_that_ends_badly_tells_its_owner():
    failed = threading.Event()
    errors: list[CommandError] = []

    def on_error(error: CommandError) -> None:
        errors.append(error)
        failed.set()

    CommandOutputStream(["sh", "-c", "exit 4"], on_next_line=print, on_error=on_error)

    assert failed.wait(timeout=10)
    assert errors[0].returncode == 4
