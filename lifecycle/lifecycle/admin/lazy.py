"""Loads the admin panel when somebody opens it first: few do, and its library takes memory."""

import importlib
import threading
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import State
from starlette.types import ASGIApp, Receive, Scope, Send

from lifecycle.endpoints.services import Services

CreatePanel = Callable[[Services], ASGIApp]
_MODULE = "lifecycle.admin.panel"
_ROUTING = ("router", "app_root_path", "endpoint", "path_params")


class LazyAdminPanel:
    """An ASGI app, to be mounted at `/admin`."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._panel: ASGIApp | None = None
        self._loading = threading.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        panel = self._panel
        if panel is None:
            panel = await run_in_threadpool(self._load)
        # URLs are made by the panel's own router, not by that of the app around it.
        inner = {key: value for key, value in scope.items() if key not in _ROUTING}
        await panel(inner, receive, send)

    def _load(self) -> ASGIApp:
        with self._loading:
            if self._panel is not None:
                return self._panel
            create_panel: CreatePanel = importlib.import_module(_MODULE).create_panel
            self._panel = panel = create_panel(self._state.services)
            return panel
