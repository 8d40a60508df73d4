"""The documentation of a job: OpenAPI 3.1 from type hints, and a page with Swagger UI, whose files the wrapper brings."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from racetrack_job_wrapper.environment import JobEnvironment
from racetrack_job_wrapper.job import Job
from racetrack_job_wrapper.responses import Response

ASSETS = Path(__file__).parent / "swagger_ui"
_ASSET_TYPES = {".js": "text/javascript", ".css": "text/css", ".png": "image/png"}
_JSON_TYPES = {
    "int": "integer",
    "float": "number",
    "str": "string",
    "bool": "boolean",
    "list": "array",
    "dict": "object",
}


def make_openapi(job: Job | None, environment: JobEnvironment) -> dict[str, Any]:
    """Describe the endpoints of the job in OpenAPI; without a job, only those of its server."""
    paths: dict[str, Any] = {
        f"/{name}": {
            "get": {
                "tags": ["root"],
                "summary": summary,
                "responses": {"200": {"description": "OK"}},
            }
        }
        for name, summary in (
            ("live", "The process runs"),
            ("ready", "The job takes calls"),
            ("health", "How the job is"),
        )
    }
    for endpoint, handler in job.endpoints.items() if job else ():
        paths[f"/api/v1{endpoint}"] = {"post": _describe_call(endpoint, handler, job)}
    for endpoint in job.static_files if job else ():
        operation = {
            "tags": ["API"],
            "summary": "A file",
            "responses": {"200": {"description": "the file"}},
        }
        paths[f"/api/v1{endpoint}"] = {"get": operation}
    native = job.native.describe() if job and job.native else {}
    for path, operations in native.get("paths", {}).items():
        paths[path] = {**paths.get(path, {}), **operations}
    return {
        "openapi": "3.1.0",
        "info": {"title": f"Job - {environment.name}", "version": environment.version},
        "servers": [{"url": environment.base_url}, {"url": "/"}],
        "paths": paths,
        "components": {
            **native.get("components", {}),
            "securitySchemes": {
                "racetrackAuth": {"type": "apiKey", "in": "header", "name": "X-Racetrack-Auth"}
            },
        },
        "security": [{"racetrackAuth": []}],
    }


def docs_page(environment: JobEnvironment) -> bytes:
    """Make the page of Swagger UI; its relative addresses work under every prefix."""
    if not (ASSETS / "swagger-ui-bundle.js").is_file():
        return b'<!doctype html><title>Job</title><a href="openapi.json">openapi.json</a>'
    return f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Job - {environment.name}</title><link rel="stylesheet" href="docs/swagger-ui.css"></head>
<body><div id="ui"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script>SwaggerUIBundle({{url: "openapi.json", dom_id: "#ui", displayRequestDuration: true}})</script>
</body>
</html>
""".encode()


def find_asset(name: str) -> Response | None:
    """Return a file that the page loads, or None."""
    file = ASSETS / name
    if file.parent != ASSETS or not file.is_file():
        return None
    kind = _ASSET_TYPES.get(file.suffix, "application/octet-stream")
    return Response(file.read_bytes(), content_type=kind, headers={"cache-control": "max-age=3600"})


def list_parameters(function: Callable[..., Any]) -> list[dict[str, Any]]:
    """List the parameters of a function: required ones first, then `*args`, then optional ones."""
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


def _describe_call(endpoint: str, handler: Any, job: Job | None) -> dict[str, Any]:
    example = job.examples.get(endpoint, {}) if job else {}
    return {
        "tags": ["API"],
        "summary": f"Call {endpoint.lstrip('/')}",
        "description": inspect.getdoc(handler) or "",
        "operationId": "perform"
        if endpoint == "/perform"
        else f"auxiliary_endpoint{endpoint.replace('/', '_')}",
        "requestBody": {
            "content": {"application/json": {"schema": payload_schema(handler, example)}}
        },
        "responses": {
            "200": {"description": "the result"},
            "400": {"description": "wrong arguments"},
        },
    }


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
