"""HTTP routes: ask for a build, follow or cancel it, and prune images."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse
from racetrack_commons.api.guard_first import LARGE_BODY_BYTES
from racetrack_commons.entities.dto import (
    BuildEventKind,
    BuildPayload,
    BuildResult,
    PrunePayload,
    PruneResult,
)

from image_builder.build_request import parse_request
from image_builder.endpoints.dependencies import (
    BuildsDep,
    InternalCaller,
    InternalRoute,
    ServicesDep,
)
from image_builder.running.progress import EventHistory, ProgressEvent

builds_router = APIRouter(
    prefix="/api/v1/build",
    tags=["build"],
    route_class=InternalRoute,
    max_body_size=LARGE_BODY_BYTES,
)
images_router = APIRouter(
    prefix="/api/v1/images",
    tags=["images"],
    route_class=InternalRoute,
    max_body_size=LARGE_BODY_BYTES,
)

_HEARTBEAT = "event: keepalive_heartbeat\n\n"


@builds_router.post("/sse", response_class=StreamingResponse)
async def build_with_events(
    payload: BuildPayload, services: ServicesDep, _: InternalCaller
) -> StreamingResponse:
    """Build a job's image, or join its build, and stream the events; closing the connection does not stop the build."""
    build = services.builds.submit(parse_request(payload))
    events = stream_events(build.history, services.heartbeat_seconds)
    return StreamingResponse(
        events, media_type="text/event-stream", headers={"Cache-Control": "no-store"}
    )


@builds_router.post("")
def build(payload: BuildPayload, builds: BuildsDep, _: InternalCaller) -> BuildResult:
    """Build a job's image, or join its build, and respond when it has ended."""
    build = builds.submit(parse_request(payload))
    build.wait()
    if build.error is not None:
        raise build.error
    return build.result or BuildResult()


@builds_router.delete("/{deployment_id}", status_code=204)
def cancel_build(deployment_id: str, builds: BuildsDep, _: InternalCaller) -> Response:
    """Cancel a build that waits or runs."""
    builds.cancel(deployment_id)
    return Response(status_code=204)


@images_router.post("/prune")
def prune_images(payload: PrunePayload, services: ServicesDep, _: InternalCaller) -> PruneResult:
    """Keep the needed images, and remove those that were not needed for `image_retention_hours`."""
    return PruneResult(removed=services.prune(frozenset(payload.needed)))


async def stream_events(history: EventHistory, heartbeat_seconds: float) -> AsyncIterator[str]:
    """Yield all events as server-sent events, from the first to the result, with heartbeats while nothing happens."""
    loop = asyncio.get_running_loop()
    has_news = asyncio.Event()

    def wake() -> None:
        # While the service stops, a build may report an event after the loop is closed.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(has_news.set)

    position = 0
    with history.listening(wake):
        while True:
            has_news.clear()
            events = history.read_from(position)
            position += len(events)
            if events:
                yield "".join(_frame(event) for event in events)
                if events[-1].kind == BuildEventKind.RESULT:
                    return
            elif not await _wait_for(has_news, heartbeat_seconds):
                yield _HEARTBEAT


async def _wait_for(has_news: asyncio.Event, seconds: float) -> bool:
    try:
        await asyncio.wait_for(has_news.wait(), seconds)
    except TimeoutError:
        return False
    return True


def _frame(event: ProgressEvent) -> str:
    return f"event: {event.kind}\ndata: {json.dumps(event.data)}\n\n"
