"""Routes whose guards pass before their body is read: strangers can make a service neither hold nor store a large body."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import solve_dependencies
from fastapi.routing import APIRoute

LARGE_BODY_BYTES = 1024**3
"""The limit of bodies that hold source bundles, plugins, or the bodies of calls."""
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class GuardFirstRoute(APIRoute):
    """A route that asks its guards before it reads a body. FastAPI would read the body first, whatever its size.

    The guards of a route with a body are asked a second time afterwards, with its other dependencies.
    """

    @classmethod
    def is_guard(cls, dependency: Callable[..., Any]) -> bool:
        """Return whether the dependency checks the caller; such a dependency must not read the body."""
        raise NotImplementedError

    def get_route_handler(self) -> Handler:
        """Return the function that answers a request."""
        answer = super().get_route_handler()
        guards = [
            one for one in self.dependant.dependencies if one.call and self.is_guard(one.call)
        ]
        if self.body_field is None or not guards:
            return answer

        async def ask_guards_first(request: Request) -> Response:
            await _solve(request, guards)
            return await answer(request)

        return ask_guards_first


async def _solve(request: Request, guards: list[Dependant]) -> None:
    """Call the guards; what they raise is answered as if they were called later."""
    await solve_dependencies(
        request=request,
        dependant=Dependant(dependencies=guards),
        async_exit_stack=request.scope["fastapi_inner_astack"],
        embed_body_fields=False,
    )
