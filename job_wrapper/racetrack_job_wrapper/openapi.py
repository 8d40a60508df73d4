"""The documentation of a job: OpenAPI 3.1 from type hints, and a page with Swagger UI, whose files the wrapper brings."""

import inspect
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from racetrack_job_wrapper.endpoint_config import API
from racetrack_job_wrapper.entrypoint import JobEntrypoint
from racetrack_job_wrapper.environment import JobEnvironment
from racetrack_job_wrapper.job import Job
from racetrack_job_wrapper.log.logger import logger
from racetrack_job_wrapper.responses import JSON, Response
from racetrack_job_wrapper.schemas import SchemaMaker, describe_default, read_hints

ASSETS = Path(__file__).parent / "swagger_ui"
_ASSET_TYPES = {".js": "text/javascript", ".css": "text/css", ".png": "image/png"}
_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


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
    maker = SchemaMaker()
    native: dict[str, Any] = {}
    if job:
        paths |= _describe_endpoints(job, maker)
        native = _describe_native_endpoints(job)
    for path, operations in native.get("paths", {}).items():
        paths[path] = {**paths.get(path, {}), **operations}
    components = native.get("components", {})
    info = {"title": f"Job - {environment.name}", "version": environment.version}
    return {
        "openapi": "3.1.0",
        "info": info | ({"description": job.description} if job and job.description else {}),
        "servers": [{"url": environment.base_url}, {"url": "/"}],
        "tags": [{"name": "API"}, {"name": "root", "description": "probes"}],
        "paths": paths,
        "components": {
            **components,
            "schemas": {**maker.components, **components.get("schemas", {})},
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
<head><meta charset="utf-8"><title>Job - {environment.name}</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="docs/swagger-ui.css"></head>
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
    for parameter in _read_parameters(function) or ():
        hint = _type_name(parameter.annotation)
        if parameter.kind is parameter.VAR_KEYWORD:
            continue
        if parameter.kind is parameter.VAR_POSITIONAL:
            variadic.append({"name": parameter.name, "type": f"List[{hint}]"})
        elif parameter.default is parameter.empty:
            required.append({"name": parameter.name, "type": hint})
        else:
            default = describe_default(parameter.default)
            optional.append({"name": parameter.name, "default_value": default, "type": hint})
    return required + variadic + optional


def payload_schema(
    function: Callable[..., Any], example: dict[str, Any] | None, maker: SchemaMaker
) -> dict[str, Any]:
    """Describe the body of a call as a JSON schema, from the type hints."""
    schema: dict[str, Any] = {"type": "object"}
    if example is not None:
        schema |= {"default": example, "examples": [example]}
    parameters = _read_parameters(function)
    if parameters is None:
        return schema
    hints = read_hints(function)
    named = [each for each in parameters if each.kind in _NAMED]
    schema["properties"] = {
        each.name: _describe_parameter(each, hints.get(each.name, each.annotation), maker)
        for each in named
    }
    if required := [each.name for each in named if each.default is each.empty]:
        schema["required"] = required
    if all(each.kind is not each.VAR_KEYWORD for each in parameters):
        schema["additionalProperties"] = False
    return schema


def _describe_endpoints(job: Job, maker: SchemaMaker) -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for endpoint, handler in job.endpoints.items():
        paths[f"{API}{endpoint}"] = {"post": _describe_call(endpoint, handler, job, maker)}
    for endpoint in job.static_files:
        responses = {"200": {"description": "the file"}}
        paths[f"{API}{endpoint}"] = {
            "get": {"tags": ["API"], "summary": "A file", "responses": responses}
        }
    return paths


def _describe_call(endpoint: str, handler: Any, job: Job, maker: SchemaMaker) -> dict[str, Any]:
    documentation = _read_documentation(handler)
    payload = payload_schema(handler, job.examples.get(endpoint), maker)
    result: dict[str, Any] = {"description": "the result"}
    if schema := maker.describe(read_hints(handler).get("return", inspect.Parameter.empty)):
        result["content"] = {JSON: {"schema": schema}}
    return {
        "tags": ["API"],
        "summary": documentation.partition("\n")[0] or f"Call {endpoint.lstrip('/')}",
        "description": documentation,
        "operationId": "perform"
        if endpoint == "/perform"
        else f"auxiliary_endpoint{endpoint.replace('/', '_')}",
        "requestBody": {"content": {JSON: {"schema": payload}}},
        "responses": {
            "200": result,
            "400": {"description": "wrong arguments"},
            "500": {"description": "the job failed"},
        },
    }


def _read_parameters(function: Callable[..., Any]) -> list[inspect.Parameter] | None:
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        # Some functions and classes written in C do not tell their parameters.
        return None


def _describe_parameter(
    parameter: inspect.Parameter, hint: Any, maker: SchemaMaker
) -> dict[str, Any]:
    schema = maker.describe(hint)
    if parameter.default is parameter.empty or parameter.default is None:
        return schema
    default = describe_default(parameter.default)
    return schema | {"default": default} if "$ref" not in schema else schema


def _read_documentation(handler: Any) -> str:
    handler = handler.func if isinstance(handler, partial) else handler
    documentation = inspect.getdoc(handler) or ""
    return "" if documentation == inspect.getdoc(JobEntrypoint.perform) else documentation


def _describe_native_endpoints(job: Job) -> dict[str, Any]:
    try:
        return job.native.describe() if job.native else {}
    except Exception as error:  # noqa: BLE001 - FastAPI can't describe some hints of the job
        logger.log_failure("the endpoints of auxiliary_endpoints_v2 can't be described", error)
        return {}


def _type_name(annotation: Any) -> str | None:
    if annotation is inspect.Parameter.empty:
        return None
    if isinstance(annotation, str):
        return annotation
    try:
        is_generic = bool(getattr(annotation, "__args__", None))
        return str(annotation) if is_generic else getattr(annotation, "__name__", str(annotation))
    except Exception:  # noqa: BLE001 - a hint may be any object of the job
        return type(annotation).__name__
