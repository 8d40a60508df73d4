"""The keys of a manifest as a table, from its JSON Schema."""

from collections.abc import Iterator
from typing import Any

from dashboard.components.server_table import Row

_DEFINITION = "#/$defs/"
_TYPES = {"object": "mapping", "string": "text"}


def list_keys(schema: dict[str, Any]) -> list[Row]:
    """List the keys that the JSON Schema describes; those of a part follow it, as `resources.memory_max`."""
    return list(_list_keys(schema, schema.get("$defs", {}), ""))


def _list_keys(part: dict[str, Any], parts: dict[str, Any], prefix: str) -> Iterator[Row]:
    required = part.get("required", ())
    for name, facts in part.get("properties", {}).items():
        key = f"{prefix}{name}"
        kinds = facts.get("anyOf", [facts])
        yield {
            "id": key,
            "key": key,
            "kind": _describe_kinds(kinds, is_required=name in required),
            "description": facts.get("description", ""),
            "values": [value for kind in kinds for value in _list_values(kind)],
        }
        for kind in kinds:
            if inner := parts.get(kind.get("$ref", "").removeprefix(_DEFINITION)):
                yield from _list_keys(inner, parts, f"{key}.")


def _list_values(kind: dict[str, Any]) -> list[str]:
    return ["true", "false"] if kind.get("type") == "boolean" else [*map(str, kind.get("enum", ()))]


def _describe_kinds(kinds: list[dict[str, Any]], *, is_required: bool) -> str:
    names = [_describe_kind(kind) for kind in kinds if kind.get("type") != "null"]
    return f"{' or '.join(names)}{', required' if is_required else ''}"


def _describe_kind(kind: dict[str, Any]) -> str:
    if choices := kind.get("enum"):
        return " or ".join(map(str, choices))
    if kind.get("type") == "array":
        return f"list of {_describe_kind(kind.get('items', {}))}s"
    name = str(kind.get("type", "object"))
    return _TYPES.get(name, name)
