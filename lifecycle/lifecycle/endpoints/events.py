"""The stream of changes that PUB follows."""

import asyncio
import json
from collections.abc import AsyncIterator

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from lifecycle.endpoints.dependencies import ServicesDep, ServiceSubject
from lifecycle.event_stream.feed import ChangeFeed

router = APIRouter(prefix="/api/v1", tags=["API"])
KEEP_ALIVE_SECONDS = 15


@router.get("/events", response_class=StreamingResponse)
async def follow_changes(_: ServiceSubject, services: ServicesDep) -> StreamingResponse:
    """Stream changes of jobs and permissions to services of the platform, as server-sent events."""
    return StreamingResponse(
        stream_changes(services.changes),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def stream_changes(feed: ChangeFeed) -> AsyncIterator[str]:
    """Yield `hello` with the newest id, then each change; a comment now and then keeps the connection alive."""
    with feed.subscribe() as queue:
        yield f"event: hello\ndata: {json.dumps({'id': feed.newest_id})}\n\n"
        while True:
            try:
                change = await asyncio.wait_for(queue.get(), KEEP_ALIVE_SECONDS)
            except TimeoutError:
                yield ": alive\n\n"
                continue
            yield f"event: change\nid: {change.id}\ndata: {change.model_dump_json()}\n\n"
