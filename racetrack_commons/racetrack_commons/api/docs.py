"""Pages that explain the API: Swagger UI and ReDoc, their scripts from the wheel, not the web."""

from pathlib import Path

import fastapi_offline
from fastapi import APIRouter, FastAPI
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

_ASSETS = Path(fastapi_offline.__file__).parent / "static"
_ASSETS_PATH = "static-offline-docs"


def add_docs(app: FastAPI) -> None:
    """Serve Swagger UI at the root and ReDoc beside it; relative links work under any base path."""
    app.mount(f"/{_ASSETS_PATH}", StaticFiles(directory=_ASSETS), name="docs-assets")
    app.include_router(_docs_router(app.title))


def _docs_router(title: str) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    def show_swagger_ui() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="openapi.json",
            title=title,
            swagger_js_url=f"{_ASSETS_PATH}/swagger-ui-bundle.js",
            swagger_css_url=f"{_ASSETS_PATH}/swagger-ui.css",
            swagger_favicon_url=f"{_ASSETS_PATH}/favicon.png",
            swagger_ui_parameters={"displayRequestDuration": True, "persistAuthorization": True},
        )

    @router.get("/redoc")
    def show_redoc() -> HTMLResponse:
        return get_redoc_html(
            openapi_url="openapi.json",
            title=title,
            redoc_js_url=f"{_ASSETS_PATH}/redoc.standalone.js",
            redoc_favicon_url=f"{_ASSETS_PATH}/favicon.png",
            with_google_fonts=False,
        )

    return router
