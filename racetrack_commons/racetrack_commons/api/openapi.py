"""The OpenAPI document of a service, with authentication and errors, and the pages that show it."""

from collections.abc import Collection, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import fastapi_offline
from fastapi import APIRouter, FastAPI
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel

from racetrack_commons.auth.token import AUTH_HEADER

PROBES_TAG = "root"
"""The tag of routes about the service itself, which require no token."""
_ALWAYS = (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.INTERNAL_SERVER_ERROR)
_ASSETS = Path(fastapi_offline.__file__).parent / "static"
_ASSETS_PATH = "static-offline-docs"


class ErrorBody(BaseModel):
    """The answer to a request that failed."""

    error: str
    """The message for people."""
    type: str | None = None
    """The class of the error."""


class UnknownPathBody(BaseModel):
    """The answer when no route matches the path: the server is older, or the path is wrong."""

    detail: str


class ApiApp(FastAPI):
    """An app whose OpenAPI document declares the auth token, both mounts, and the errors of each route."""

    error_statuses: Collection[int] = ()
    """Statuses that any route may answer with."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        if not self.openapi_schema:
            schema = get_openapi(
                title=self.title,
                version=self.version,
                description=self.description,
                routes=self.routes,
                servers=self.servers,
                tags=self.openapi_tags or None,
            )
            components = schema.setdefault("components", {})
            scheme = {"type": "apiKey", "in": "header", "name": AUTH_HEADER}
            components.setdefault("securitySchemes", {})["racetrackAuth"] = scheme
            for body in (ErrorBody, UnknownPathBody):
                schemas = components.setdefault("schemas", {})
                schemas[body.__name__] = body.model_json_schema()
            schema["security"] = [{"racetrackAuth": []}]
            self._declare_errors(schema)
            self.openapi_schema = schema
        return self.openapi_schema

    def _declare_errors(self, schema: dict[str, Any]) -> None:
        for operation in _list_operations(schema):
            for status in sorted({*self.error_statuses, *_ALWAYS}):
                operation["responses"].setdefault(str(status), _describe_answer(status))


def add_docs(app: FastAPI) -> None:
    """Serve Swagger UI at the root and ReDoc beside it; relative links work under any base path."""
    app.mount(f"/{_ASSETS_PATH}", StaticFiles(directory=_ASSETS), name="docs-assets")
    app.include_router(_docs_router(app.title))


def _describe_answer(status: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"$ref": "#/components/schemas/ErrorBody"}
    if status == HTTPStatus.NOT_FOUND:
        schema = {"anyOf": [schema, {"$ref": "#/components/schemas/UnknownPathBody"}]}
    content = {"application/json": {"schema": schema}}
    return {"description": HTTPStatus(status).phrase, "content": content}


def _list_operations(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in schema.get("paths", {}).values():
        for operation in path.values():
            if PROBES_TAG not in operation.get("tags", ()):
                yield operation


def _docs_router(title: str) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    document: dict[str, Any] = {"openapi_url": "openapi.json", "title": title}

    @router.get("/")
    def show_swagger_ui() -> HTMLResponse:
        return get_swagger_ui_html(
            **document,
            swagger_js_url=f"{_ASSETS_PATH}/swagger-ui-bundle.js",
            swagger_css_url=f"{_ASSETS_PATH}/swagger-ui.css",
            swagger_favicon_url=f"{_ASSETS_PATH}/favicon.png",
            swagger_ui_parameters={"displayRequestDuration": True, "persistAuthorization": True},
        )

    @router.get("/redoc")
    def show_redoc() -> HTMLResponse:
        return get_redoc_html(
            **document,
            redoc_js_url=f"{_ASSETS_PATH}/redoc.standalone.js",
            redoc_favicon_url=f"{_ASSETS_PATH}/favicon.png",
            with_google_fonts=False,
        )

    return router
