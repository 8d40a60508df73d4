import pytest
from dashboard.pages.job.logs import MISSING, LogMemory


def make_memory(*lines: str, tail: int = 100) -> LogMemory:
    memory = LogMemory(tail)
    memory.note(lines)
    return memory


@pytest.mark.parametrize(
    ("last_lines", "new"),
    [
        (["a", "b", "c"], []),
        (["a", "b", "c", "d", "a"], ["d", "a"]),
        (["c", "d"], ["d"]),
        (["x", "a", "b", "c", "d"], ["d"]),
        ([], []),
    ],
)
def test_a_stream_that_is_opened_again_brings_only_new_lines(last_lines, new):
    assert make_memory("a", "b", "c", tail=3).list_new(last_lines) == new


def test_equal_lines_of_a_short_log_are_counted():
    assert make_memory("tick", "tick").list_new(["tick"] * 5) == ["tick"] * 3


def test_a_gap_is_told():
    assert make_memory("a", "b", tail=2).list_new(["y", "z"]) == [MISSING, "y", "z"]


def test_the_memory_is_bounded():
    memory = LogMemory(5000)
    for start in range(0, 20_000, 100):
        memory.note(f"line {number}" for number in range(start, start + 100))

    last = [f"line {number}" for number in range(15_002, 20_002)]
    assert memory.list_new(last) == ["line 20000", "line 20001"]
