"""The probes `/live`, `/ready` and `/health`; each service supplies their answers."""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from racetrack_commons.api.openapi import PROBES_TAG

PROBE_PATHS = frozenset({"/live", "/ready", "/health", "/metrics", "/metrics/"})


@dataclass(frozen=True)
class ProbeAnswer:
    """The answer of a probe; any status but 200 means no."""

    body: dict[str, Any]
    status: int = 200


Probe = Callable[[], ProbeAnswer | Awaitable[ProbeAnswer]]
"""A plain function runs in a thread and may block; a coroutine function must not block."""


@dataclass(frozen=True)
class Probes:
    """The probes of one service; a probe of None always answers yes."""

    service: str
    live: Probe | None = None
    """Answers whether the process runs."""
    ready: Probe | None = None
    """Answers whether the services and databases that it needs answer."""
    health: Probe | None = None
    """Answers both, in detail."""


def probes_router(probes: Probes) -> APIRouter:
    """Return the routes of the probes, which require no token."""
    router = APIRouter(tags=[PROBES_TAG])
    service = probes.service
    _add(router, "live", probes.live or _always({"service": service, "live": True}))
    _add(router, "ready", probes.ready or _always({"service": service, "ready": True}))
    _add(router, "health", probes.health or _always({"service": service, "status": "pass"}))
    return router


def _always(body: dict[str, Any]) -> Probe:
    async def answer() -> ProbeAnswer:
        return ProbeAnswer(body)

    return answer


def _add(router: APIRouter, name: str, probe: Probe) -> None:
    async def endpoint() -> JSONResponse:
        answer = await _ask(probe)
        return JSONResponse(answer.body, status_code=answer.status)

    bad: dict[int | str, dict[str, Any]] = {
        status: {"description": "Something is wrong"} for status in (500, 503)
    }
    router.add_api_route(f"/{name}", endpoint, methods=["GET"], name=name, responses=bad)


async def _ask(probe: Probe) -> ProbeAnswer:
    answer = probe() if inspect.iscoroutinefunction(probe) else await run_in_threadpool(probe)
    return await answer if inspect.isawaitable(answer) else answer
