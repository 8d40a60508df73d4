"""The panel as an ASGI app: its views in the order of its menu, and its first page."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.types import ASGIApp
from starlette_admin.base import BaseAdmin
from starlette_admin.helpers import view_list_url
from starlette_admin.views import CustomView
from starlette_admin.widgets import BaseWidget, Breakpoints, GridWidget, StatWidget

from lifecycle.admin.audited_view import AuditedView, TransactionMiddleware
from lifecycle.admin.panel_security import OwnPagesOnly, SecurityHeaders, StaffLogin
from lifecycle.admin.people_views import AuthSubjectView, AuthTokenView, PermissionView, UserView
from lifecycle.admin.registry_views import (
    AsyncJobCallView,
    AuditLogEventView,
    DeploymentView,
    EscView,
    JobFamilyView,
    JobView,
    PublicEndpointView,
    SettingView,
    TrashJobView,
)
from lifecycle.endpoints.dependencies import LifecycleServices

_TEMPLATES = Path(__file__).parent / "templates"
_VIEWS: tuple[type[AuditedView], ...] = (
    JobView,
    JobFamilyView,
    DeploymentView,
    PublicEndpointView,
    TrashJobView,
    AsyncJobCallView,
    UserView,
    EscView,
    AuthSubjectView,
    AuthTokenView,
    PermissionView,
    SettingView,
    AuditLogEventView,
)


def create_panel(services: LifecycleServices) -> ASGIApp:
    """Return the panel, which can be mounted at any path."""
    # The library logs its setup at INFO, and each visitor who is not logged in at WARNING.
    logging.getLogger("starlette_admin").setLevel(logging.ERROR)
    views = _make_views(services)
    key = services.config.secret_key.get_secret_value()
    panel = BaseAdmin(
        title="Racetrack admin",
        base_url="",
        templates_dir=str(_TEMPLATES),
        index_view=_make_overview(views),
        auth_provider=StaffLogin(services),
        secret_key=f"admin panel {key}",
    )
    for view in views:
        panel.add_view(view)
    # The innermost middleware, because authentication stores the use of a token in its own transaction.
    panel.middlewares.append(Middleware(TransactionMiddleware, factory=services.unit_of_work))
    panel.middlewares.insert(0, Middleware(OwnPagesOnly))
    panel.middlewares.insert(0, Middleware(SecurityHeaders))
    app = Starlette()
    panel.mount_to(app)
    return app


def _make_overview(views: Sequence[AuditedView]) -> CustomView:
    """Return the first page: a card for each table that the user may see, with its meaning and the number of its rows."""

    async def make_overview(request: Request) -> BaseWidget:
        cards: list[BaseWidget] = [
            StatWidget(
                title=str(view.menu_label),
                description=(view.__doc__ or "").partition("\n")[0],
                value_callback=_count_rows_of(view),
                link=view_list_url(request, str(view.key)),
            )
            for view in views
            if view.is_accessible(request)
        ]
        return GridWidget(children=cards, breakpoints=Breakpoints(default=1, sm=2, lg=3))

    return CustomView(
        menu_label="Overview", route_name="index", add_to_menu=False, widget=make_overview
    )


def _make_views(services: LifecycleServices) -> list[AuditedView]:
    """Return the views of all tables, in the order of the menu."""
    return [view(services) for view in _VIEWS]


def _count_rows_of(view: AuditedView) -> Callable[[Request], Awaitable[int]]:
    async def count(request: Request) -> int:
        return await view.count(request)

    return count
