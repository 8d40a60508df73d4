"""One unit of work for each request of the panel."""

from contextlib import AbstractContextManager

from starlette.concurrency import run_in_threadpool
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from lifecycle.database.unit_of_work import UnitOfWork, UnitOfWorkFactory

_READING = ("GET", "HEAD", "OPTIONS")


class TransactionMiddleware(BaseHTTPMiddleware):
    """Gives views `request.state.uow`, and its session as `request.state.session`, where their library looks for it."""

    def __init__(self, app: ASGIApp, factory: UnitOfWorkFactory) -> None:
        super().__init__(app)
        self._factory = factory

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        """Commit what succeeded, roll back what did not."""
        is_reading = request.method in _READING
        if not is_reading and request.url.path.endswith("/login"):
            # Log-in counts attempts in transactions of its own; one around it would lock them out.
            return await call_next(request)
        opened = self._factory.reading() if is_reading else self._factory()
        uow = await run_in_threadpool(opened.__enter__)
        try:
            # Takes the lock of a SQLite database here, off the event loop.
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
    """The answer says that nothing was changed."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


def _leave(opened: AbstractContextManager[UnitOfWork], error: BaseException) -> None:
    try:
        opened.__exit__(type(error), error, error.__traceback__)
    except _Refused:
        return
