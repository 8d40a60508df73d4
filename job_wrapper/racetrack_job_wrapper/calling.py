"""Calling a method of a job: whatever it returns or raises becomes a response."""

import asyncio
import inspect
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from racetrack_job_wrapper.asgi import AsgiApp, Receive, Scope, Send
from racetrack_job_wrapper.encoding import to_json
from racetrack_job_wrapper.log.logger import logger
from racetrack_job_wrapper.log.logs import error_text
from racetrack_job_wrapper.responses import (
    Response,
    error_response,
    is_asgi_response,
    json_response,
)
from racetrack_job_wrapper.thread_advice import find_thread_advice
from racetrack_job_wrapper.workers import ThreadUnavailable


class CallAborted(RuntimeError):
    """The job tried to end the process from inside a call."""


@dataclass(frozen=True)
class Pending:
    """The result of a plain method that an event loop is to await or collect."""

    value: Any

    async def answer(self) -> Response:
        """Await or collect it on the running loop, and make its response."""
        try:
            return await _respond_async(self.value)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever a job raises is answered
            return respond_to_error(error)


def answer_plain(function: Callable[..., Any], payload: dict[str, Any]) -> "Response | Pending":
    """Call a plain method with the payload's keys as arguments."""
    try:
        result = function(**payload)
        if inspect.isawaitable(result) or inspect.isasyncgen(result):
            return Pending(result)
        return _respond(result)
    except BaseException as error:  # noqa: BLE001 - whatever a job raises is answered
        return respond_to_error(error)


async def answer_async(function: Callable[..., Any], payload: dict[str, Any]) -> Response:
    """Call a coroutine method on the running loop, with the payload's keys as arguments."""
    try:
        return await _respond_async(await function(**payload))
    except asyncio.CancelledError:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever a job raises is answered
        return respond_to_error(error)


def respond_to_error(error: BaseException) -> Response:
    """Log the exception of a call, and make its response, whatever the exception is."""
    try:
        logger.log_failure("call failed", error)
        if advice := find_thread_advice(error_text(error)):
            return _advise(error, advice)
        if isinstance(error, ThreadUnavailable):
            return _refuse_for_now(error)
        if isinstance(error, SystemExit | KeyboardInterrupt):
            # An exit inside a call must not end the server, because other calls run in it.
            error = CallAborted(f"the job called for an exit: {error!r}")
        return error_response(error)
    except BaseException:  # noqa: BLE001 - an exception that can't be described is answered, too
        return _respond_in_the_last_resort(error)


def respond_to_failure(error: BaseException) -> Response:
    """Log an exception that was raised after a call or outside of one, and make its response: no fault of the caller."""
    response = respond_to_error(error)
    return response if response.status >= 500 else replace(response, status=500)


def close_after_sending(response: Any) -> AsgiApp:
    """Make an app that sends a response of a web framework, and closes the generator of its body in any case."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await response(scope, receive, send)
        finally:
            # A caller who leaves must not keep a generator of the job open.
            for generator in generators:
                await _close(generator)

    generators = _list_generators(getattr(response, "body_iterator", None))
    return serve


async def _respond_async(result: Any) -> Response:
    while inspect.isawaitable(result):
        result = await result
    if inspect.isasyncgen(result):
        async with aclosing(result):
            result = [item async for item in result]
    return _respond(result)


def _respond(result: Any) -> Response:
    if is_asgi_response(result):
        return Response(b"", result.status_code, app=close_after_sending(result))
    return Response(to_json(result))


def _list_generators(body: Any) -> list[Any]:
    # Starlette wraps a plain generator into an async one, whose end leaves the inner one to the garbage collector.
    frame = getattr(body, "ag_frame", None)
    inner = frame.f_locals.values() if frame is not None else ()
    return [
        each for each in (body, *inner) if inspect.isasyncgen(each) or inspect.isgenerator(each)
    ]


async def _close(generator: Any) -> None:
    if inspect.isasyncgen(generator):
        await generator.aclose()
    else:
        generator.close()


def _advise(error: BaseException, advice: str) -> Response:
    # Such an error is no fault of the caller, whatever its class is: `signal` raises a ValueError.
    content = {"error": f"{error_text(error).rstrip('.')}: {advice}", "type": type(error).__name__}
    return replace(json_response(content, 500), is_failure=True)


def _refuse_for_now(error: ThreadUnavailable) -> Response:
    content = {"error": str(error), "type": type(error).__name__}
    return replace(json_response(content, 503, {"retry-after": "1"}), is_failure=True)


def _respond_in_the_last_resort(error: BaseException) -> Response:
    name = type(error).__name__
    content = {"error": f"the call raised {name}, which can't be described", "type": name}
    return replace(json_response(content, 500), is_failure=True)
