"""What a method expects: as a list for `/parameters`, and as a JSON schema."""

import inspect
from collections.abc import Callable
from typing import Any

_JSON_TYPES = {
    "int": "integer",
    "float": "number",
    "str": "string",
    "bool": "boolean",
    "list": "array",
    "dict": "object",
}


def list_parameters(function: Callable[..., Any]) -> list[dict[str, Any]]:
    """List the arguments: required ones first, then `*args`, then optional ones."""
    required, variadic, optional = [], [], []
    for parameter in inspect.signature(function).parameters.values():
        hint = _type_name(parameter.annotation)
        if parameter.kind is parameter.VAR_KEYWORD:
            continue
        if parameter.kind is parameter.VAR_POSITIONAL:
            variadic.append({"name": parameter.name, "type": f"List[{hint}]"})
        elif parameter.default is parameter.empty:
            required.append({"name": parameter.name, "type": hint})
        else:
            optional.append(
                {"name": parameter.name, "default_value": parameter.default, "type": hint}
            )
    return required + variadic + optional


def payload_schema(function: Callable[..., Any], example: dict[str, Any]) -> dict[str, Any]:
    """Describe the body of a call as a JSON schema, from the type hints."""
    listed = [each for each in list_parameters(function) if each["name"] != "args"]
    properties = {each["name"]: _json_type(each["type"]) for each in listed}
    required = [each["name"] for each in listed if "default_value" not in each]
    schema: dict[str, Any] = {
        "type": "object",
        "properties": properties,
        "default": example,
        "examples": [example],
    }
    return schema | ({"required": required} if required else {})


def _type_name(annotation: Any) -> str | None:
    if annotation is inspect.Parameter.empty:
        return None
    if isinstance(annotation, str):
        return annotation
    return (
        str(annotation)
        if getattr(annotation, "__args__", None)
        else getattr(annotation, "__name__", str(annotation))
    )


def _json_type(hint: str | None) -> dict[str, Any]:
    base = (hint or "").split("[")[0].lower()
    return {"type": _JSON_TYPES[base]} if base in _JSON_TYPES else {}
