"""The JSON Schema of manifests, with the docstrings of the keys as their descriptions, for editors."""

import ast
import inspect
import itertools
from typing import Any

from pydantic import BaseModel

from racetrack_client.manifest.manifest import GitManifest, Manifest, ResourcesManifest


def make_manifest_schema() -> dict[str, Any]:
    """Return the JSON Schema of a manifest."""
    schema = Manifest.model_json_schema()
    schema |= {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Manifest of a job",
    }
    _describe(schema, Manifest)
    for model in (GitManifest, ResourcesManifest):
        _describe(schema["$defs"][model.__name__], model)
    return schema


def _describe(schema: dict[str, Any], model: type[BaseModel]) -> None:
    texts = _read_docstrings(model)
    for key, value in schema["properties"].items():
        value.pop("title", None)
        if key in texts:
            value["description"] = texts[key]


def _read_docstrings(model: type[BaseModel]) -> dict[str, str]:
    """Return the docstring below each field of a model, by the field's name."""
    body = ast.parse(inspect.getsource(model)).body[0]
    statements = body.body if isinstance(body, ast.ClassDef) else []
    texts = {}
    for field, below in itertools.pairwise(statements):
        if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
            continue
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            texts[field.target.id] = str(below.value.value)
    return texts
