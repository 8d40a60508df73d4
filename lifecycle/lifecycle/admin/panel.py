"""The panel as an ASGI app."""

import logging
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.types import ASGIApp
from starlette_admin.base import BaseAdmin

from lifecycle.admin.login import StaffLogin
from lifecycle.admin.overview import make_overview
from lifecycle.admin.security import SecurityHeaders
from lifecycle.admin.transaction import TransactionMiddleware
from lifecycle.admin.views import make_views
from lifecycle.endpoints.dependencies import LifecycleServices

_TEMPLATES = Path(__file__).parent / "templates"


def create_panel(services: LifecycleServices) -> ASGIApp:
    """Make the panel; mount it anywhere, its links follow the mount."""
    # It tells at INFO what it is made of, and at WARNING of each visitor who is not logged in.
    logging.getLogger("starlette_admin").setLevel(logging.ERROR)
    views = make_views(services)
    key = services.config.secret_key.get_secret_value()
    panel = BaseAdmin(
        title="Racetrack admin",
        base_url="",
        templates_dir=str(_TEMPLATES),
        index_view=make_overview(views),
        auth_provider=StaffLogin(services),
        secret_key=f"admin panel {key}",
    )
    for view in views:
        panel.add_view(view)
    # The innermost: authentication notes the use of a token in a transaction of its own.
    panel.middlewares.append(Middleware(TransactionMiddleware, factory=services.unit_of_work))
    panel.middlewares.insert(0, Middleware(SecurityHeaders))
    app = Starlette()
    panel.mount_to(app)
    return app
