import time

import pytest
from dashboard.pages.job.openapi import fill_path, list_operations, read_field, write_body


def make_document(schema: object, **media: object) -> dict[str, object]:
    body = {"content": {"application/json": {"schema": schema, **media}}}
    operation = {"summary": "Add numbers.", "requestBody": body}
    return {
        "paths": {"/live": {"get": {}}, "/api/v1/perform": {"post": operation}},
        "components": {"schemas": {"Word": {"type": "string", "enum": ["a", "b"]}}},
    }


def get_performing(document: object):
    return list_operations(document)[0]


def test_the_endpoints_of_the_jobs_own_code_come_first():
    found = list_operations(make_document({"type": "object"}))

    assert [each.title for each in found] == ["POST /api/v1/perform", "GET /live"]
    assert found[0].summary == "Add numbers."
    assert found[0].is_json
    assert not found[1].is_json


@pytest.mark.parametrize(
    ("schema", "media", "examples"),
    [
        ({"examples": [{"a": 1}, {"a": 2}]}, {}, [{"a": 1}, {"a": 2}]),
        ({"examples": [1]}, {"example": {"b": 2}}, [{"b": 2}]),
        ({}, {"examples": {"one": {"value": 3}, "no value": {}}}, [3]),
        ({"type": "object", "default": {"c": 4}}, {}, [{"c": 4}]),
        (
            {
                "properties": {
                    "word": {"$ref": "#/components/schemas/Word"},
                    "numbers": {"type": "array", "items": {"type": "number"}},
                    "perhaps": {"type": ["null", "boolean"]},
                }
            },
            {},
            [{"word": "a", "numbers": [0], "perhaps": False}],
        ),
    ],
)
def test_a_body_begins_with_the_documented_examples_or_one_that_fits(schema, media, examples):
    operation = get_performing(make_document(schema, **media))

    assert list(operation.examples.values()) == examples


def test_each_property_of_a_body_has_a_field():
    schema = {
        "type": "object",
        "required": ["word"],
        "properties": {
            "word": {"$ref": "#/components/schemas/Word", "description": "ignored beside $ref"},
            "count": {"type": "integer", "description": "How many."},
            "numbers": {"type": "array"},
            "is_quick": {"type": "boolean"},
        },
    }

    fields = get_performing(make_document(schema)).fields

    assert [(each.name, each.kind, each.is_required) for each in fields] == [
        ("word", "string", True),
        ("count", "integer", False),
        ("numbers", "json", False),
        ("is_quick", "boolean", False),
    ]
    assert fields[0].choices == ("a", "b")
    assert fields[1].description == "How many."


def test_a_body_of_many_properties_has_no_fields():
    properties = {f"p{number}": {"type": "string"} for number in range(50)}

    assert get_performing(make_document({"properties": properties})).fields == ()


def test_parameters_of_path_and_query_are_listed():
    document = {
        "paths": {
            "/api/v1/{name}/x": {
                "get": {
                    "parameters": [
                        {"name": "name", "in": "path", "required": True, "example": "a b"},
                        {"name": "limit", "in": "query", "schema": {"default": 5}},
                        {"name": "X-Header", "in": "header"},
                    ]
                }
            }
        }
    }

    (operation,) = list_operations(document)

    assert [(each.name, each.place, each.example) for each in operation.parameters] == [
        ("name", "path", "a b"),
        ("limit", "query", "5"),
    ]
    assert fill_path(operation.path, {"name": "a%20b"}) == "/api/v1/a%20b/x"


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {"paths": []},
        {"paths": {"/x": {"post": 1}}},
        {"paths": {"/x": {"post": {"requestBody": {"content": []}, "parameters": {}}}}},
        {"paths": {"/x": {"post": {"requestBody": {"$ref": "https://other.example/x"}}}}},
    ],
)
def test_what_is_no_document_is_borne(document):
    assert [each.examples for each in list_operations(document)] in ([], [{}])


def test_a_schema_that_contains_itself_many_times_ends_soon():
    itself = {"$ref": "#/components/schemas/Node"}
    node = {"type": "object", "properties": {f"p{number}": itself for number in range(1000)}}
    document = make_document(itself)
    document["components"] = {
        "schemas": {"Node": node, "Loop": {"$ref": "#/components/schemas/Loop"}}
    }
    started = time.monotonic()

    list_operations(document)

    assert time.monotonic() - started < 10


def test_bodies_are_written_for_an_editor():
    assert write_body({"a": [1]}) == '{\n  "a": [\n    1\n  ]\n}'
    assert write_body("text") == "text"
    assert write_body(None) == ""


@pytest.mark.parametrize(
    ("kind", "typed", "value"),
    [
        ("string", "1", "1"),
        ("integer", " 4 ", 4),
        ("number", "0.5", 0.5),
        ("boolean", True, True),
        ("json", "[1, {}]", [1, {}]),
    ],
)
def test_fields_are_read_by_their_kinds(kind, typed, value):
    assert read_field(kind, typed) == value


@pytest.mark.parametrize(
    ("kind", "typed"),
    [("integer", "x"), ("number", ""), ("number", "Infinity"), ("number", "true"), ("json", "{")],
)
def test_fields_that_are_no_value_are_refused(kind, typed):
    with pytest.raises(ValueError, match=r"no number|Expecting"):
        read_field(kind, typed)
