"""What values become in JSON, and how the place of one that JSON can't hold is named."""

import array
import collections
import datetime
import decimal
import enum
import fractions
import io
import ipaddress
import itertools
import json
import pathlib
import re
import sqlite3
import types
import uuid
from dataclasses import dataclass
from typing import Any

import attrs
import pydantic
import pytest
from pydantic.dataclasses import dataclass as pydantic_dataclass
from racetrack_job_wrapper.encoding import NotSerializable, to_json

NAN = float("nan")
NOON = datetime.datetime(2024, 5, 1, 12)  # noqa: DTZ001 - jobs have such dates
Point = collections.namedtuple("Point", "x y")


class Thing:
    pass


class Color(enum.Enum):
    RED = "red"


class Shade(str, enum.Enum):  # noqa: UP042 - Python 3.10 has no other
    DARK = "dark"


@dataclass
class Holder:
    thing: Any


@attrs.define
class Box:
    width: Any


class Result(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(arbitrary_types_allowed=True)
    label: str = pydantic.Field("a", alias="Label")
    score: float = NAN
    secret: pydantic.SecretStr = pydantic.SecretStr("token")
    extra: Any = None


class Numbers(pydantic.RootModel[list[int]]):
    pass


@pydantic_dataclass
class Checked:
    width: int


class Custom:
    def __to_json__(self) -> object:
        return {"custom": {1}}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        ("zażółć", '"zażółć"'),
        ([1, 2.5, True, None, NAN, float("-inf")], "[1,2.5,true,null,null,null]"),
        ({1: 2, 2.5: 3, (1, "a"): 4}, '{"1":2,"2.5":3,"1,a":4}'),
        ({None: 1, False: 2}, '{"None":1,"False":2}'),
        ({NOON: 1, Color.RED: 2, Shade.DARK: 3}, '{"2024-05-01T12:00:00":1,"red":2,"dark":3}'),
        ([range(3), {4}, frozenset([5]), collections.deque([6])], "[[0,1,2],[4],[5],[6]]"),
        ([map(str, [1]), zip([2], [3], strict=True), itertools.chain([4])], '[["1"],[[2,3]],[4]]'),
        ([{"a": 1}.keys(), {"a": 1}.values(), {"a": 1}.items()], '[["a"],[1],[["a",1]]]'),
        ((each for each in (NAN, Holder(1))), '[null,{"thing":1}]'),
        (Point(1, 2), "[1,2]"),
        (array.array("i", [1]), "[1]"),
        (types.MappingProxyType({"a": 1}), '{"a":1}'),
        (collections.ChainMap({"a": 1}), '{"a":1}'),
        (collections.UserString("text"), '"text"'),
        ([NOON, NOON.date(), NOON.time()], '["2024-05-01T12:00:00","2024-05-01","12:00:00"]'),
        (datetime.timedelta(minutes=2), "120.0"),
        ([decimal.Decimal("1.10"), decimal.Decimal("NaN")], '["1.10",null]'),
        (fractions.Fraction(1, 3), '"1/3"'),
        ([pathlib.PurePosixPath("a/b"), uuid.UUID(int=1)], f'["a/b","{uuid.UUID(int=1)}"]'),
        (ipaddress.ip_address("127.0.0.1"), '"127.0.0.1"'),
        (re.compile("a+"), '"a+"'),
        ([b"abc", bytearray(b"abc"), memoryview(b"abc")], '["abc","abc","abc"]'),
        ([Color.RED, Shade.DARK], '["red","dark"]'),
        (types.SimpleNamespace(a=Custom()), '{"a":{"custom":[1]}}'),
        (Holder([Box({"k": 1})]), '{"thing":[{"width":{"k":1}}]}'),
        (Result(), '{"Label":"a","score":null,"secret":"**********","extra":null}'),
        ({"r": [Numbers([1]), Checked(2)]}, '{"r":[[1],{"width":2}]}'),
        (pydantic.AnyUrl("http://a/"), '"http://a/"'),
    ],
)
def test_a_value_has_its_form_in_json(value, text):
    assert to_json(value).decode() == text


def test_rows_of_a_database_are_records():
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    try:
        assert to_json(connection.execute("SELECT 1 AS a, 2 AS b")) == b'[{"a":1,"b":2}]'
    finally:
        connection.close()


def _holding_itself() -> dict[str, Any]:
    value: dict[str, Any] = {}
    value["a"] = [value]
    return value


def _linked_in_a_ring() -> Holder:
    holder = Holder(None)
    holder.thing = [holder]
    return holder


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (Thing(), "result: Unable to serialize unknown type: <class "),
        ({"rows": [0, 1, 2, Holder(Thing())]}, 'result["rows"][3].thing: Unable to serialize'),
        ({"rows": [NAN, Holder(Thing())]}, 'result["rows"][1].thing: Unable to serialize'),
        ([Box({"k": Thing()})], 'result[0].width["k"]: Unable'),
        ({"m": Result(extra=Thing())}, 'result["m"].extra: Unable'),
        ({1: (each for each in [1, Thing()])}, "result[1][1]: Unable"),
        (_holding_itself(), 'result["a"][0]: the value holds itself'),
        (_linked_in_a_ring(), "result.thing[0]: the value holds itself"),
        ({"a": b"\xff"}, 'result["a"]: bytes that are not UTF-8'),
        ({"z": 1 + 2j}, 'result["z"]: the complex number (1+2j) has no form in JSON'),
        ([io.StringIO("a file")], "result[0]: Unable"),
        ({Thing(): 1}, "can't be a key in JSON; use text"),
        ({1: NAN, "1": 2}, "two of its keys are the same text: '1'"),
        ([10**5000], "result: Exceeds the limit"),
    ],
)
def test_a_value_without_a_form_is_named_with_its_place(value, message):
    with pytest.raises(NotSerializable) as caught:
        to_json(value)

    assert message in str(caught.value)


@pytest.mark.parametrize("depth", [2_000, 100_000])
def test_a_value_that_is_nested_too_deeply_is_refused_in_one_line(depth):
    value: list[Any] = [NAN]
    for _ in range(depth):
        value = [value]

    with pytest.raises(NotSerializable) as caught:
        to_json(value)

    assert str(caught.value) == "result: it is nested too deeply for JSON"


def test_lone_surrogates_are_escaped():
    value = {"na\udce9me": "cut \ud83d"}

    assert json.loads(to_json(value)) == value


def test_what_an_iterator_raises_is_the_error_of_the_call():
    def fail() -> Any:
        yield NAN
        raise ValueError("the job's own")

    with pytest.raises(ValueError, match="the job's own"):
        to_json({"rows": fail()})


def test_an_iterator_is_read_once():
    assert to_json([NAN, map(str, [1]), {None: iter([2])}]) == b'[null,["1"],{"None":[2]}]'


def test_an_object_that_a_package_of_the_same_name_does_not_explain_is_refused():
    """A class of the author's module `pandas.py` is no table."""
    kind = type("Frame", (), {"__module__": "pandas"})

    with pytest.raises(NotSerializable):
        to_json(kind())
