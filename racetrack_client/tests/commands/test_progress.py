import io

from racetrack_client.commands.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


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
