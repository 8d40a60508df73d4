import io
import time

import pytest
from racetrack_client.utils.terminal import SafeOutput, clear_line, make_safe


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("plain\ttext, äöü €\n", "plain\ttext, äöü €\n"),
        ("a\x1b]0;title\x07b", "ab"),
        ("a\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\b", "alinkb"),
        ("a\x1b]52;c;ZXZpbA==\x07b", "ab"),
        ("a\x9d0;title\x9cb", "ab"),
        ("a\x1b[2J\x1b[1;1Hb", "ab"),
        ("a\x9b2Jb", "ab"),
        ("a\x1bPq#0\x1b\\b", "ab"),
        ("a\x1bcb\x1b(0", "ab"),
        ("good\x08\x08\x08\x08bad\x07\x00\x7f", "goodbad"),
        ("hidden\rshown", "hiddenshown"),
        ("user\u202etxt.exe\u2066\u2069", "usertxt.exe"),
        ("a\x1b]never ends", "a"),
        ("\x1b[31mred\x1b[0m", "red"),
    ],
)
def test_nothing_that_controls_a_terminal_is_left(text, safe):
    assert make_safe(text) == safe


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"),
        ("\x1b[1;38;5;8mgrey\n", "\x1b[1;38;5;8mgrey\x1b[0m\n"),
        ("\x1b[8mhidden\x1b[0m", "hidden\x1b[0m"),
        ("\x1b[31;08mhidden", "hidden"),
        ("\x1b[?25lno cursor", "no cursor"),
        ("\x1b[31mred\x1b[2J", "\x1b[31mred\x1b[0m"),
    ],
)
def test_colours_may_stay_and_end_with_the_text(text, safe):
    assert make_safe(text, keep_colours=True) == safe


def test_many_unended_sequences_take_no_long_time():
    began = time.process_time()

    make_safe("\x1b]x" * 200_000 + "\n" + "\x1b[1" * 200_000)

    assert time.process_time() - began < 2


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_pipe_gets_no_colours_a_terminal_does_and_our_own_lines_are_cleared():
    pipe, terminal = io.StringIO(), Terminal()

    for stream in (pipe, terminal):
        output = SafeOutput(stream)
        output.write("\x1b[32mok\x1b[0m\x1b[2J\n")
    clear_line(SafeOutput(terminal))

    assert pipe.getvalue() == "ok\n"
    assert terminal.getvalue() == "\x1b[32mok\x1b[0m\n\r\x1b[2K"


def test_everything_passes_when_the_user_wants_it():
    pipe = io.StringIO()
    output = SafeOutput(pipe)

    output.pass_all()
    output.write("\x1b]0;t\x07")

    assert pipe.getvalue() == "\x1b]0;t\x07"
