"""Output that can't control the reader's terminal, whatever jobs and servers send."""

import re
from typing import Any, TextIO

_SEQUENCE = re.compile(
    r"""
      (?:\x1b\[|\x9b) (?P<parameters>[0-?]*) [ -/]* (?P<final>[@-~])   # CSI
    | (?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f]) .*? (?:\x07|\x1b\\|\x9c|(?=\n)|$)  # OSC, DCS, SOS, PM, APC
    | \x1b [ -/]* [0-~]
    """,
    re.VERBOSE,
)
_CONTROLS = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
)
"""C0 except tab and line feed, C1, and what changes the direction of text."""
_CONCEAL = "8"
_RESET = "\x1b[0m"


def make_safe(text: str, *, keep_colours: bool = False) -> str:
    """Return a text without control characters; colours may stay, and end with the text."""
    if _CONTROLS.search(text) is None:
        return text
    kept: list[str] = []
    end = 0
    for sequence in _SEQUENCE.finditer(text):
        kept.append(_CONTROLS.sub("", text[end : sequence.start()]))
        if keep_colours and _is_colour(sequence):
            kept.append(sequence.group())
        end = sequence.end()
    kept.append(_CONTROLS.sub("", text[end:]))
    return _end_colours("".join(kept))


class SafeOutput:
    """A stream in place of standard output or standard error, through which only safe text passes.

    Colours pass to a terminal, nothing else does that is no text; a pipe gets no colours either.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_raw = False

    def write(self, text: str) -> int:
        """Write a text without what could control a terminal."""
        if not self._is_raw:
            text = make_safe(text, keep_colours=self._stream.isatty())
        return self._stream.write(text)

    def clear_line(self) -> None:
        """Clear the line of the cursor."""
        self._stream.write("\r\x1b[2K")

    def pass_all(self) -> None:
        """Pass everything from now on, as the user asked."""
        self._is_raw = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def clear_line(stream: TextIO) -> None:
    """Clear the line of the cursor, on a stream that is a terminal."""
    if isinstance(stream, SafeOutput):
        stream.clear_line()
    else:
        stream.write("\r\x1b[2K")


def _is_colour(sequence: re.Match[str]) -> bool:
    if sequence["final"] != "m" or not set(sequence["parameters"]) <= set("0123456789;"):
        return False
    parameters = sequence["parameters"].split(";")
    before = ["", *parameters]
    return not any(
        each.lstrip("0") == _CONCEAL and previous != "5"
        for previous, each in zip(before, parameters, strict=False)
    )


def _end_colours(text: str) -> str:
    """Return a text that ends in the terminal's own colours."""
    last = text.rfind("\x1b[")
    if last < 0 or text.startswith(("\x1b[m", _RESET), last):
        return text
    body = text.rstrip("\n")
    return body + _RESET + text[len(body) :]
