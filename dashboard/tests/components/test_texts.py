from dashboard.components.editor import list_differences
from dashboard.components.failure import FailureParts, split_failure
from dashboard.components.log_view import clean_lines


def test_a_failure_is_split_into_cause_evidence_and_hint():
    text = "the job failed to start\nLast log lines:\n  Traceback:\n    boom\nHint: look at its log"

    assert split_failure(text) == FailureParts(
        "the job failed to start", "Traceback:\n  boom", "look at its log"
    )


def test_failures_without_parts_are_causes():
    assert split_failure("") == FailureParts("")
    assert split_failure("no such target") == FailureParts("no such target")
    assert split_failure("first\nsecond\nthird") == FailureParts("first", "second\nthird")


def test_differences_are_the_changed_lines_with_some_around_them():
    before = "\n".join(f"line {number}" for number in range(20))
    after = before.replace("line 10", "line ten")

    differences = list_differences(before, after)

    assert ("-", "line 10") in differences
    assert ("+", "line ten") in differences
    assert (" ", "line 9") in differences
    assert (" ", "line 1") not in differences
    assert list_differences(before, before) == []


def test_lines_that_begin_like_marks_stay_whole():
    assert list_differences("--- a\n+++ b", "--- a\n+++ c") == [
        ("@", ""),
        (" ", "--- a"),
        ("-", "+++ b"),
        ("+", "+++ c"),
    ]


def test_a_log_keeps_its_last_lines_without_control_characters():
    lines = clean_lines(["\x1b[31mred\x1b[0m\x07", "\u202ereversed", *(["x"] * 6000)])
    assert len(lines) == 5000

    assert clean_lines(["\x1b[31mred\x1b[0m\x07", "\u202ereversed"]) == ["red", "reversed"]
    assert len(clean_lines(["y" * 100_000])[0]) < 5000
