"""Whole lines of a job's output, put together from pieces in bounded memory."""

import codecs
from collections.abc import Iterator

MOST_LINE_BYTES = 1024 * 1024
_MOST_FRAME_BYTES = 4096


class LineAssembler:
    r"""Makes lines of the pieces of one stream of output; only `\n` ends a line.

    A carriage return begins a line again, as progress bars do. Such a line is its last frame that is not blank,
    which is what a terminal leaves on the screen. Of a longer line than MOST_LINE_BYTES, the beginning is kept.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._left_out = 0

    def add(self, piece: bytes) -> Iterator[str]:
        """Add a piece of output; yield the lines that are whole now."""
        *ends, rest = piece.split(b"\n")
        for end in ends:
            self._extend(end)
            yield self._take_line()
        self._extend(rest)

    def take_rest(self) -> Iterator[str]:
        """Yield the line without an end that is left, if there is one."""
        if self._rest:
            yield self._take_line()

    @property
    def is_inside_line(self) -> bool:
        """Return whether a line has begun and not ended."""
        return bool(self._rest)

    @property
    def frame(self) -> str:
        """The present text of the line that has not ended; empty when it is too long to be shown again and again."""
        frame = _cut_frame(self._rest)
        return _decode_beginning(frame) if len(frame) <= _MOST_FRAME_BYTES else ""

    def _extend(self, piece: bytes) -> None:
        if b"\r" in piece:
            # Earlier frames are forgotten, so that a bar of hours takes no memory.
            self._rest, self._left_out = _drop_old_frames(self._rest + piece), 0
        elif len(self._rest) < MOST_LINE_BYTES:
            self._rest += piece
        else:
            self._left_out += len(piece)
        if len(self._rest) > MOST_LINE_BYTES:
            self._left_out += len(self._rest) - MOST_LINE_BYTES
            self._rest = self._rest[:MOST_LINE_BYTES]

    def _take_line(self) -> str:
        frame, left_out = _cut_frame(self._rest), self._left_out
        self._rest, self._left_out = b"", 0
        if left_out:
            return f"{_decode_beginning(frame)} … ({left_out} more bytes in this line)"
        return frame.decode(errors="replace")


def _drop_old_frames(line: bytes) -> bytes:
    r"""Return the last frame that is not blank, and what follows the last `\r`: it may be the beginning of another frame.

    A bar that is cleared at its end leaves blank frames. Where all frames are blank, the first one is kept.
    """
    frame, end, later = line[line.rstrip().rfind(b"\r") + 1 :].partition(b"\r")
    return frame + end + later[later.rfind(b"\r") + 1 :]


def _cut_frame(line: bytes) -> bytes:
    return _drop_old_frames(line).partition(b"\r")[0]


def _decode_beginning(text: bytes) -> str:
    """Decode a text that may end within a character, which is left out."""
    return codecs.getincrementaldecoder("utf-8")("replace").decode(text)
