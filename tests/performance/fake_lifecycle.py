"""A Lifecycle that allows each call of each job: `fake_lifecycle.py PORT PORT_OF_JOBS`."""

import asyncio
import sys
from collections.abc import AsyncIterator

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route


async def allow(request: Request) -> JSONResponse:
    """Lead all jobs to one address."""
    job = {
        "name": request.path_params["name"],
        "version": request.path_params["version"],
        "status": "running",
        "create_time": 1,
        "update_time": 1,
        "internal_name": f"127.0.0.1:{sys.argv[2]}",
    }
    return JSONResponse({"job": job, "caller": "User bench"})


async def stream_changes(_: Request) -> StreamingResponse:
    """Tell of no change."""

    async def stream() -> AsyncIterator[str]:
        yield 'event: hello\ndata: {"id": 0}\n\n'
        while True:
            await asyncio.sleep(5)
            yield ": still here\n\n"

    return StreamingResponse(stream(), media_type="text/event-stream")


async def take_report(_: Request) -> JSONResponse:
    """Accept the counts of calls."""
    return JSONResponse(None)


APP = Starlette(
    routes=[
        Route("/lifecycle/api/v1/auth/can-call-job/{name}/{version}/{path:path}", allow),
        Route("/lifecycle/api/v1/events", stream_changes),
        Route("/lifecycle/api/v1/calls", take_report, methods=["POST"]),
    ]
)

if __name__ == "__main__":
    uvicorn.run(APP, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
