"""Routes that commit in the thread of their endpoint."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

from fastapi.routing import APIRoute

from lifecycle.database.unit_of_work import UnitOfWork


class CommittingRoute(APIRoute):
    """Ends the endpoint's unit of work when the endpoint returns.

    FastAPI would end it later: first it validates the answer, in whichever thread is free. Meanwhile the transaction
    holds SQLite's lock, and in a crowd all threads wait for that lock.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, _committing(endpoint), **options)


def _committing(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(endpoint):  # It would block the event loop anyway, and has none.
        return endpoint

    @functools.wraps(endpoint)
    def call(**arguments: Any) -> Any:
        answer = endpoint(**arguments)
        for argument in arguments.values():
            if isinstance(argument, UnitOfWork):
                argument.commit()
        return answer

    return call
