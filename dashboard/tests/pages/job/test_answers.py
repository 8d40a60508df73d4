from dashboard.client.job_calls import JobAnswer
from dashboard.pages.access.callers import make_caller_row
from dashboard.pages.job.overview import describe_use
from dashboard.pages.job.try_it import describe_body


def make_answer(body: bytes, content_type: str = "application/json", *, is_cut: bool = False):
    return JobAnswer(200, "OK", [("Content-Type", content_type)], body, is_cut, 0.1)


def test_json_is_shown_with_indents():
    assert describe_body(make_answer(b'{"a":["\xc3\xa4"]}')) == '{\n  "a": [\n    "ä"\n  ]\n}'


def test_what_claims_to_be_json_is_shown_as_it_is():
    assert describe_body(make_answer(b"{oops")) == "{oops"
    assert describe_body(make_answer(b"[" * 200_000)).endswith("… the rest is left out") is False


def test_binary_bodies_are_described():
    assert "which is no text" in describe_body(make_answer(b"\x00\x01", "application/zip"))
    assert "which is no text" in describe_body(make_answer(b"\xff\xfe" * 50, ""))


def test_long_and_empty_bodies_say_so():
    assert describe_body(make_answer(b"x" * 300_000, "text/plain")).endswith("the rest is left out")
    assert describe_body(make_answer(b"x", "text/plain", is_cut=True)).endswith("is left out")
    assert describe_body(make_answer(b"", "text/plain")) == "(the body is empty)"


def test_control_characters_are_left_out():
    assert describe_body(make_answer(b"a\x1b[31mb\x07", "text/plain")) == "ab"


def test_the_use_of_a_job_is_described_in_words():
    stats = {"number_of_restarts": 2, "memory_bytes": 21 * 1024**2, "own_value": "x"}

    assert describe_use(stats) == {"Restarts": "2", "Memory": "21 MiB", "Own value": "x"}


def test_each_reason_of_a_caller_is_named_once():
    reasons = [
        {"description": text} for text in ("call_job on adder", "full_access", "full_access")
    ]
    caller = {"kind": "esc", "name": "1", "display_name": "billing", "reasons": reasons}

    row = make_caller_row(caller)

    assert (row["caller"], row["kind"]) == ("billing", "external consumer")
    assert row["why"] == "call_job on adder; full_access"
