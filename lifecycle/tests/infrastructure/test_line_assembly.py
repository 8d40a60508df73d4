import tracemalloc

import pytest
from lifecycle.infrastructure.line_assembly import MOST_LINE_BYTES, LineAssembler


def assemble(*pieces: bytes) -> list[str]:
    assembler = LineAssembler()
    return [line for piece in pieces for line in assembler.add(piece)]


def test_only_newlines_end_lines():
    text = "a\x85b\u2028c\x0bd\x0ce"
    assert assemble(f"{text}\n\nwindows\r\n".encode()) == [text, "", "windows"]


def test_characters_that_were_cut_are_put_together_and_other_bytes_are_replaced():
    euro = "€".encode()
    assert assemble(euro[:1], euro[1:] + b"\n\xff\n") == ["€", "�"]


def test_a_progress_bar_is_its_last_frame_that_is_not_blank():
    assert assemble(b"\r10%\r20", b"%\n", b"30%\r     \r\n") == ["20%", "30%"]


def test_the_frame_of_a_line_without_end_is_shown():
    assembler = LineAssembler()
    frames = []
    for piece in (b"load", b"ing\r1", b"0%\r", "é".encode()[:1]):
        assert list(assembler.add(piece)) == []
        frames.append(assembler.frame)
    assert frames == ["load", "1", "10%", ""]
    assert list(assembler.take_rest()) == ["�"]
    assert assembler.frame == ""


def test_a_line_of_50_megabytes_takes_little_memory_and_keeps_its_beginning():
    assembler = LineAssembler()
    tracemalloc.start()
    for _ in range(500):
        assert list(assembler.add(b"x" * 100_000)) == []
    line, after = assembler.add(b"\nafter\n")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert line.startswith("x" * MOST_LINE_BYTES)
    assert line.endswith(f" … ({50_000_000 - MOST_LINE_BYTES} more bytes in this line)")
    assert after == "after"
    assert peak < 8 * MOST_LINE_BYTES


def test_a_progress_bar_of_hours_takes_no_memory():
    assembler = LineAssembler()
    for number in range(20_000):
        list(assembler.add(f"\r{number:100}".encode()))
    assert assembler.frame == f"{19_999:100}"


@pytest.mark.parametrize("shown", ["", "100%"])
def test_blank_frames_take_no_memory(shown):
    assembler = LineAssembler()
    list(assembler.add(f"{shown}\r".encode()))
    blank = b" " * 512 + b"\r"
    tracemalloc.start()
    for _ in range(2000):
        list(assembler.add(blank))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 100 * len(blank)
    assert assembler.frame == shown
    assert list(assembler.add(b"  and on\n")) == ["  and on"]


def test_a_blank_line_of_frames_is_blank():
    assert assemble(b"  \r   \r\n", b"\r\r\n") == ["  ", ""]
