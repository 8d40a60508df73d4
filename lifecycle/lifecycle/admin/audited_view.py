"""Views whose changes are audited and reported to other services, in one transaction for each request."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

from racetrack_commons.entities.audit import AuditEventType
from racetrack_commons.entities.dto import ChangeKind
from starlette.concurrency import run_in_threadpool
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp
from starlette_admin.contrib.sqla import ModelView

from lifecycle.admin.panel_security import PanelUser
from lifecycle.audit import AuditEvent, write_event
from lifecycle.database.record_values import describe_changes, describe_key
from lifecycle.database.tables.base import Base
from lifecycle.database.unit_of_work import UnitOfWork, UnitOfWorkFactory
from lifecycle.endpoints.dependencies import LifecycleServices

_READING = ("GET", "HEAD", "OPTIONS")
ALL = "fields/detail/_all.html"
NEVER = "fields/detail/_never.html"
"""The templates of a value that is null, where that means all, or never."""


@dataclass(frozen=True)
class ViewNames:
    """The names of a view."""

    key: str
    """Its part of the pages' paths."""
    menu: str
    """Its entry in the menu."""
    row: str
    """The name of one row, as titles and buttons have it."""
    icon: str
    """Its icon, by the name that Font Awesome gives it."""


class AuditedView(ModelView):
    """The rows of one table."""

    row: ClassVar[type[Base]]
    """The class of the rows."""
    names: ClassVar[ViewNames]
    change_kind: ClassVar[ChangeKind | None] = None
    """The kind of change that the event stream reports for these rows."""
    may_create: ClassVar[bool] = False
    may_edit: ClassVar[bool] = False
    may_delete: ClassVar[bool] = False
    for_superusers: ClassVar[bool] = False
    """True for rows with which a user could get all rights, or the tokens of others."""

    page_size = 25
    exporters = ()
    importers = ()

    def __init__(self, services: LifecycleServices) -> None:
        names = self.names
        super().__init__(self.row, f"fa fa-{names.icon}", names.row, names.menu, names.key)
        self.services = services

    def is_accessible(self, request: Request) -> bool:
        """Return whether the user who is logged in may see this view."""
        user: PanelUser = request.state.admin_user
        return user.is_superuser or not self.for_superusers

    def can_create(self, request: Request) -> bool:  # noqa: ARG002 - the signature of the library
        """Return whether rows can be added."""
        return self.may_create

    def can_edit(self, request: Request) -> bool:  # noqa: ARG002
        """Return whether rows can be changed."""
        return self.may_edit

    def can_delete(self, request: Request) -> bool:  # noqa: ARG002
        """Return whether rows can be deleted."""
        return self.may_delete

    def can_export(self, request: Request) -> bool:  # noqa: ARG002
        """Return False: exported rows would contain secrets."""
        return False

    def can_import(self, request: Request) -> bool:  # noqa: ARG002
        """Return False: rows are not imported from files."""
        return False

    async def after_create(self, request: Request, obj: Base) -> None:
        """Audit a new row, once it has its key."""
        self._record(request, AuditEventType.RECORD_CREATED, obj, {})

    async def before_edit(
        self,
        request: Request,
        data: dict[str, Any],  # noqa: ARG002
        obj: Base,
    ) -> None:
        """Audit the values of the row before and after the change."""
        if changes := describe_changes(obj):
            self._record(request, AuditEventType.RECORD_CHANGED, obj, changes)

    async def before_delete(self, request: Request, obj: Base) -> None:
        """Audit the deletion of a row."""
        self._record(request, AuditEventType.RECORD_DELETED, obj, {})

    def _record(
        self, request: Request, event_type: AuditEventType, obj: Base, changes: dict[str, Any]
    ) -> None:
        properties = {"table": obj.__tablename__, "id": describe_key(obj), **changes}
        username = request.state.admin_user.username
        event = AuditEvent(event_type, username, properties=properties)
        write_event(request.state.uow, event, self.services.clock.now())
        if self.change_kind is not None:
            request.state.uow.record_change(self.change_kind)


class EditableView(AuditedView):
    """The rows of one table, which staff may add, change and remove."""

    may_create = may_edit = may_delete = True


class SuperuserView(EditableView):
    """The rows of one table, which only superusers see: they hold tokens, or the rights of people."""

    for_superusers = True


class TransactionMiddleware(BaseHTTPMiddleware):
    """Opens a unit of work as `request.state.uow`; the library expects its session at `request.state.session`."""

    def __init__(self, app: ASGIApp, factory: UnitOfWorkFactory) -> None:
        super().__init__(app)
        self._factory = factory

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        """Commit the unit of work after a successful response, and roll it back after others."""
        is_reading = request.method in _READING
        if not is_reading and request.url.path.endswith(("/login", "/logout")):
            # They write in transactions of their own, which would wait for this one forever.
            return await call_next(request)
        opened = self._factory.reading() if is_reading else self._factory()
        uow = await run_in_threadpool(opened.__enter__)
        try:
            # On SQLite this waits for the write lock, so it must not block the event loop.
            await run_in_threadpool(uow.session.connection)
            request.state.uow, request.state.session = uow, uow.session
            response = await call_next(request)
            if response.status_code >= 400:
                raise _Refused(response)
        except BaseException as error:
            await run_in_threadpool(_leave, opened, error)
            if isinstance(error, _Refused):
                return error.response
            raise
        await run_in_threadpool(opened.__exit__, None, None, None)
        return response


class _Refused(Exception):
    """The response is an error, so the unit of work is rolled back."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


def _leave(opened: AbstractContextManager[UnitOfWork], error: BaseException) -> None:
    try:
        opened.__exit__(type(error), error, error.__traceback__)
    except _Refused:
        return
