"""Asking for builds."""

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse
from racetrack_commons.entities.dto import BuildPayload, BuildResult

from image_builder.build_request import parse_request
from image_builder.endpoints.dependencies import BuildsDep, InternalCaller, ServicesDep
from image_builder.endpoints.event_stream import stream_events

router = APIRouter(prefix="/api/v1/build", tags=["build"])


@router.post("/sse", response_class=StreamingResponse)
async def build_with_events(
    payload: BuildPayload, services: ServicesDep, _: InternalCaller
) -> StreamingResponse:
    """Build a job's image, or join its build, and stream what happens; leaving does not stop the build."""
    build = services.builds.submit(parse_request(payload))
    events = stream_events(build.journal, services.heartbeat_seconds)
    return StreamingResponse(
        events, media_type="text/event-stream", headers={"Cache-Control": "no-store"}
    )


@router.post("")
def build(payload: BuildPayload, builds: BuildsDep, _: InternalCaller) -> BuildResult:
    """Build a job's image, or join its build, and answer when it has ended."""
    build = builds.submit(parse_request(payload))
    build.wait()
    if build.error is not None:
        raise build.error
    return build.result or BuildResult()


@router.delete("/{deployment_id}", status_code=204)
def cancel_build(deployment_id: str, builds: BuildsDep, _: InternalCaller) -> Response:
    """End a build that waits or runs."""
    builds.cancel(deployment_id)
    return Response(status_code=204)
