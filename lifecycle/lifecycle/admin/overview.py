"""The first page of the panel: how many rows each table has."""

from collections.abc import Awaitable, Callable, Sequence

from starlette.requests import Request
from starlette_admin.helpers import view_list_url
from starlette_admin.views import CustomView
from starlette_admin.widgets import BaseWidget, Breakpoints, GridWidget, StatWidget

from lifecycle.admin.audited import AuditedView


def make_overview(views: Sequence[AuditedView]) -> CustomView:
    """Make a page with a card for each table that the visitor may see, which leads to its rows."""

    async def list_tables(request: Request) -> BaseWidget:
        cards: list[BaseWidget] = [
            StatWidget(
                title=str(view.menu_label),
                value_callback=_count_rows_of(view),
                link=view_list_url(request, str(view.key)),
            )
            for view in views
            if view.is_accessible(request)
        ]
        return GridWidget(children=cards, breakpoints=Breakpoints(default=1, sm=2, lg=3))

    return CustomView(
        menu_label="Overview", route_name="index", add_to_menu=False, widget=list_tables
    )


def _count_rows_of(view: AuditedView) -> Callable[[Request], Awaitable[int]]:
    async def count(request: Request) -> int:
        return await view.count(request)

    return count
