"""The documentation of a job: schemas from type hints, examples, docstrings, and whatever defaults and endpoints there are."""

import datetime
import enum
import functools
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, NewType, Optional, TypedDict

import attrs
import pydantic
import pytest
from racetrack_job_wrapper.entrypoint import JobEntrypoint
from racetrack_job_wrapper.schemas import SchemaMaker

PERFORM = "/api/v1/perform"


class Color(enum.Enum):
    RED = "red"


@dataclass
class House:
    size: float
    rooms: int = 3


@attrs.define
class Box:
    width: int
    lid: bool = True


class Row(TypedDict, total=False):
    name: str


class Inner(pydantic.BaseModel):
    n: int


class Outer(pydantic.BaseModel):
    inner: list[Inner]


class DataFrame:
    """Stands for pandas' tables, which the wrapper does not import."""


SENTINEL = object()
NUMBER, TEXT = {"type": "number"}, {"type": "string"}
HOUSE = {
    "type": "object",
    "title": "House",
    "properties": {"size": NUMBER, "rooms": {"type": "integer"}},
    "required": ["size"],
}


@pytest.mark.parametrize(
    ("hint", "schema"),
    [
        (int, {"type": "integer"}),
        (list[float], {"type": "array", "items": NUMBER}),
        (list, {"type": "array", "items": {}}),
        (set[str], {"type": "array", "items": TEXT}),
        (Iterator[int], {"type": "array", "items": {"type": "integer"}}),
        (tuple[int, str], {"type": "array", "prefixItems": [{"type": "integer"}, TEXT]}),
        (tuple[str, ...], {"type": "array", "items": TEXT}),
        (dict, {"type": "object"}),
        (dict[str, float], {"type": "object", "additionalProperties": NUMBER}),
        (Optional[str], {"anyOf": [TEXT, {"type": "null"}]}),  # noqa: UP045 - as jobs write it
        (int | None, {"anyOf": [{"type": "integer"}, {"type": "null"}]}),
        (Literal["a", 1], {"enum": ["a", 1]}),
        (Color, {"enum": ["red"]}),
        (Annotated[float, "metres"], NUMBER),
        (NewType("Metres", float), NUMBER),
        (datetime.datetime, {"type": "string", "format": "date-time"}),
        (Path, TEXT),
        (Decimal, TEXT),
        (House, HOUSE),
        (list[House], {"type": "array", "items": HOUSE}),
        (DataFrame, {"type": "array", "items": {"type": "object"}}),
        ("list[Unknown]", {"type": "array", "items": {}}),
        (Any, {}),
        (object(), {}),
        (None, {"type": "null"}),
    ],
)
def test_a_type_hint_has_a_schema(hint, schema):
    assert SchemaMaker().describe(hint) == schema


@pytest.mark.parametrize(("kind", "required"), [(Box, ["width"]), (Row, [])])
def test_attributes_of_a_class_are_properties(kind, required):
    assert SchemaMaker().describe(kind)["required"] == required


def test_models_of_pydantic_are_components():
    maker = SchemaMaker()

    assert maker.describe(Outer) == {"$ref": "#/components/schemas/Outer"}
    assert set(maker.components) == {"Outer", "Inner"}
    assert "#/components/schemas/Inner" in json.dumps(maker.components["Outer"])


class HousePrice:
    """Estimates prices.

    In euros.
    """

    def perform(
        self, house: Outer, size: float, age: float = 0, *items: int, kind: Color = Color.RED
    ) -> dict[str, float]:
        """Estimate a price.

        From its size.
        """
        return {"price": size * age}


@pytest.fixture
def describe(serve_job):
    """A function that returns the OpenAPI description of a job, as a strict reader of JSON gets it."""

    def read(job):
        response = serve_job(job).get("/openapi.json")
        assert response.status_code == 200, response.text
        return json.loads(response.text, parse_constant=pytest.fail)

    return read


def test_the_documentation_tells_what_the_job_takes_and_returns(describe):
    document = describe(HousePrice())

    call = document["paths"][PERFORM]["post"]
    assert document["info"]["description"] == "Estimates prices.\n\nIn euros."
    assert (call["summary"], call["description"]) == (
        "Estimate a price.",
        "Estimate a price.\n\nFrom its size.",
    )
    assert call["requestBody"]["content"]["application/json"]["schema"] == {
        "type": "object",
        "properties": {
            "house": {"$ref": "#/components/schemas/Outer"},
            "size": NUMBER,
            "age": {"type": "number", "default": 0},
            "kind": {"enum": ["red"], "default": "red"},
        },
        "required": ["house", "size"],
        "additionalProperties": False,
    }
    result = call["responses"]["200"]["content"]["application/json"]["schema"]
    assert result == {"type": "object", "additionalProperties": NUMBER}
    assert "Inner" in document["components"]["schemas"]


def test_a_documented_example_fills_the_form(describe):
    class Job(HousePrice):
        def docs_input_example(self) -> dict[str, Any]:
            return {"size": 80}

    body = describe(Job())["paths"][PERFORM]["post"]["requestBody"]

    schema = body["content"]["application/json"]["schema"]
    assert (schema["default"], schema["examples"]) == ({"size": 80}, [{"size": 80}])


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (float("nan"), None),
        (datetime.date(2024, 5, 1), "2024-05-01"),
        (Path("a"), "a"),
        ({4}, [4]),
        (map(str, [1, 2]), ["1", "2"]),
        (House(1), {"size": 1, "rooms": 3}),
    ],
)
def test_an_example_is_plain_wherever_it_is_shown(serve_job, value, plain):
    class Job(JobEntrypoint):
        def perform(self, x: Any = 1) -> Any:
            return x

        def docs_input_example(self) -> dict[str, Any]:
            return {"x": value}

    client = serve_job(Job())

    call = client.get("/openapi.json").json()["paths"][PERFORM]["post"]
    assert call["requestBody"]["content"]["application/json"]["schema"]["default"] == {"x": plain}
    for _ in range(2):
        assert client.get("/api/v1/examples").json() == {
            PERFORM.removeprefix("/api/v1"): {"x": plain}
        }


def test_defaults_that_are_no_json_are_named(serve_job, describe):
    class Job:
        def perform(
            self, x: int = 1, dtype: Any = Decimal, key: Any = len, thing: Any = SENTINEL
        ) -> None: ...

    listed = serve_job(Job()).get("/api/v1/parameters").json()
    names = {each["name"]: each["default_value"] for each in listed}
    assert names["x"] == 1
    assert (names["dtype"], names["key"]) == ("decimal.Decimal", "len")
    assert names["thing"].startswith("<object object")
    schema = describe(Job())["paths"][PERFORM]["post"]["requestBody"]["content"]["application/json"]
    assert schema["schema"]["properties"]["key"] == {"default": "len"}


def test_builtins_and_partial_functions_are_endpoints(describe):
    class Job(HousePrice):
        def auxiliary_endpoints(self) -> dict[str, Any]:
            own = functools.partial(self.perform, None)
            return {
                "/norm": math.hypot,
                "/upper": str.upper,
                "/int": int,
                "/dict": dict,
                "/own": own,
            }

    paths = describe(Job())["paths"]

    assert {"/api/v1/norm", "/api/v1/upper", "/api/v1/int", "/api/v1/dict"} <= set(paths)
    assert paths["/api/v1/own"]["post"]["summary"] == "Estimate a price."


def test_hints_that_cannot_be_evaluated_cost_only_themselves(describe):
    class Job:
        def perform(self, x: "Missing", y: "list[Missing]", z: 5) -> "Missing": ...  # noqa: F821

    schema = describe(Job())["paths"][PERFORM]["post"]["requestBody"]["content"]["application/json"]

    assert schema["schema"]["properties"] == {"x": {}, "y": {"type": "array", "items": {}}, "z": {}}


def test_a_job_without_docstrings_has_plain_summaries(describe):
    @dataclass
    class Job(JobEntrypoint):
        size: int = 1

        def perform(self) -> int:
            return 1

    document = describe(Job())

    assert document["paths"][PERFORM]["post"]["summary"] == "Call perform"
    assert document["info"]["description"].startswith("The documentation of a job")
