from lifecycle.endpoints.presenting import keep_tail


def test_only_newlines_end_the_lines_of_a_tail():
    text = "one\ntwo\x85\u2028\x0c still two\n"
    assert keep_tail(text, 1) == "two\x85\u2028\x0c still two\n"
    assert keep_tail(text, 5) == text
    assert keep_tail(text, 0) == text
    assert keep_tail("one\ntwo", 1) == "two"
