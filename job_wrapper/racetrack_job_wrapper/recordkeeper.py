"""Passing on the id of the record that a call came from. Jobs import this module: its names are frozen."""

from typing import Any

from racetrack_job_wrapper.request import request_context, request_extra

PREDECESSOR_HEADER = "X-Recordkeeper-Predecessor-Id"
_KEY = "recordkeeper_predecessor_id"


def remember_predecessor_id(entrypoint: Any, value: str) -> None:  # noqa: ARG001 - the published signature
    """Store the id for the calls that the current call makes."""
    request_extra.get()[_KEY] = value


def read_predecessor_id(entrypoint: Any) -> str | None:  # noqa: ARG001 - the published signature
    """Return the stored id, or the one that came with the current call, or None."""
    remembered: str | None = request_extra.get({}).get(_KEY)
    request = request_context.get(None)
    if remembered is None and request is not None:
        return request.header(PREDECESSOR_HEADER) or None
    return remembered
