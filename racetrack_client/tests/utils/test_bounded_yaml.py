import time

import pytest
import yaml
from racetrack_client.log.errors import ValidationError
from racetrack_client.utils.bounded_yaml import (
    MAX_BYTES,
    MAX_VALUES,
    TooLargeYaml,
    check_extent,
    load_bounded_yaml,
)


def make_bomb(levels: int, bottom: str = "[x, x]") -> str:
    lines = [f"a0: &a0 {bottom}"]
    for level in range(1, levels):
        lines.append(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]")
    return "\n".join(lines)


def test_plain_anchors_and_merge_keys_are_read():
    text = "base: &base {a: 1, b: 2}\nother:\n  <<: *base\n  b: 3\nlist: [*base, *base]"

    loaded = load_bounded_yaml(text)

    assert loaded["other"] == {"a": 1, "b": 3}
    assert loaded["list"] == [{"a": 1, "b": 2}] * 2


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (make_bomb(9), "more than 10000 keys and values"),
        (make_bomb(4, bottom="x" * 1000), "more than 262144 characters"),
        (f"a: '{'x' * MAX_BYTES}'", "the text has 262149 bytes, at most 262144 are allowed"),
        ("[" * 100_000, "nested more than 100 levels deep"),
        ("- " * 100_000, "nested more than 100 levels deep"),
        ("\n".join(f"k{number}:" for number in range(MAX_VALUES)), "more than 10000 keys"),
        (f"a: {'1:' * 50_000}1", "a number has more than 1000 characters"),
        (f"a: 0b{'1' * 20_000}", "a number has more than 1000 characters"),
    ],
)
def test_documents_beyond_a_limit_are_refused_at_once(text, problem):
    began = time.process_time()

    with pytest.raises(TooLargeYaml, match=problem):
        load_bounded_yaml(text)

    assert time.process_time() - began < 5


def test_merge_keys_count_as_what_they_merge():
    lines = ["a0: &a0 {k: v}"]
    for level in range(1, 9):
        merged = ", ".join([f"*a{level - 1}"] * 10)
        lines.append(f"a{level}: &a{level} {{<<: [{merged}]}}")

    with pytest.raises(TooLargeYaml):
        load_bounded_yaml("\n".join(lines))


@pytest.mark.parametrize("text", ["a: &a [*a]", "a: 2024-13-01", "a: *unknown", "a: ["])
def test_what_is_no_right_yaml_is_an_error_of_yaml(text):
    with pytest.raises(yaml.YAMLError):
        load_bounded_yaml(text)


def test_values_from_elsewhere_have_the_same_limits():
    check_extent({"a": ["x"] * 1000})

    for value in (
        {"a": ["x"] * MAX_VALUES},
        {"a": "x" * (MAX_BYTES + 1)},
        make_deep_value(),
    ):
        with pytest.raises(ValidationError, match="more than"):
            check_extent(value)


def make_deep_value():
    value: list[object] = []
    for _ in range(50_000):
        value = [value]
    return value
