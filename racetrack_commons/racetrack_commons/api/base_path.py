"""Serves every route twice: at the root, and under the service's base path."""

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class BasePathMiddleware:
    """Tells the app which part of the path is its mount, by whole segments."""

    def __init__(self, app: ASGIApp, base_path: str) -> None:
        self._app = app
        self._base_path = base_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        path = scope.get("path", "")
        if scope["type"] == "http" and path == self._base_path:
            response = RedirectResponse(f"{self._base_path}/", status_code=307)
            await response(scope, receive, send)
            return
        if path.startswith(f"{self._base_path}/"):
            scope = {**scope, "root_path": scope.get("root_path", "") + self._base_path}
        await self._app(scope, receive, send)
