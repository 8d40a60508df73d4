import json

import pytest
from racetrack_client.manifest import Manifest
from racetrack_commons.testing.builders import a_manifest_yaml

API = "/lifecycle/api/v1/manifest"
WRONG = """\
name: adder
owner_email: a@example.com
lang: python3:latest
replicas: many
resources:
  memory_max: 2Gi
  memory: 1Gi
python:
  entrypoint: main.py
public_endpoints:
  - 7
"""


def review(client, admin, text):
    answer = client.post(f"{API}/check", json={"manifest_yaml": text}, headers=admin)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return [
        {(each["path"], each["line"]): each["message"] for each in body[kind]}
        for kind in ("errors", "warnings")
    ]


def test_a_right_manifest_has_no_problems(client, admin):
    assert review(client, admin, a_manifest_yaml()) == [{}, {}]


def test_each_problem_has_its_line(client, admin):
    errors, warnings = review(client, admin, WRONG)

    assert set(errors) == {("replicas", 4), ("resources.memory", 7), ("public_endpoints.0", 10)}
    assert "memory_max" in errors["resources.memory", 7]
    assert set(warnings) == {("lang", 3), ("python", 8), ("python.entrypoint", 9)}
    assert warnings["lang", 3] == "is the former name of jobtype, which newer manifests use"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("name: a\n  b: c\n", 2, "not valid YAML"),
        ("- a list", None, "must hold keys and values"),
        ("", None, "must hold keys and values"),
        ("name: &a [*a]\n", None, ""),
        ("a: " + "x" * 300_000, None, "too large"),
    ],
    ids=["broken", "list", "empty", "recursive", "large"],
)
def test_what_is_no_manifest_is_an_error_and_no_fault(client, admin, text, line, message):
    errors, _ = review(client, admin, text)
    [((path, found), said), *_] = errors.items()
    assert message in said
    if message:
        assert (path, found) == ("", line)


def test_a_missing_key_has_no_line(client, admin):
    errors, _ = review(client, admin, "owner_email: a@example.com\njobtype: python3:latest\n")
    assert errors["name", None] == "is missing"


def test_the_schema_describes_every_key(client):
    schema = client.get(f"{API}/schema").json()
    assert set(schema["properties"]) == set(Manifest.model_fields)
    described = [schema, *(schema["$defs"][name] for name in ("GitManifest", "ResourcesManifest"))]
    assert all(
        key.get("description") for model in described for key in model["properties"].values()
    )
    assert schema["additionalProperties"] is False
    assert json.dumps(schema).count('"title"') == 3
