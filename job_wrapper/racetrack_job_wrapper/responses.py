"""Responses of a job: results become JSON, and exceptions become statuses.

JSON is made of numbers, text, containers, dataclasses, dates, and the types of numpy and pandas.
"""

import dataclasses
import datetime
import decimal
import enum
import json
import math
import pathlib
import types
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from racetrack_job_wrapper.auth.auth import UnauthorizedError
from racetrack_job_wrapper.log.errors import AlreadyExists, EntityNotFound, ValidationError

JSON = "application/json"
STATUSES: list[tuple[type[BaseException], int]] = [
    (UnauthorizedError, 401),
    (EntityNotFound, 404),
    (AlreadyExists, 409),
    (ValidationError, 400),
    (ValueError, 400),
]


class NotSerializable(TypeError):
    """A job returned a value that can't be expressed in JSON."""


@dataclass(frozen=True)
class Response:
    """A complete response."""

    body: bytes
    status: int = 200
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)
    app: Callable[..., Any] | None = None
    """An ASGI response that the job made itself; it is sent unchanged."""
    is_failure: bool = False
    """True if the call raised an exception, which metrics count."""


def json_response(
    content: object, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """Make a JSON response of plain values."""
    return Response(
        json.dumps(content, separators=(",", ":")).encode(), status, headers=headers or {}
    )


def error_response(error: BaseException) -> Response:
    """Make the response `{"error", "type"}` for the exception of a call; it never holds a traceback."""
    inner: tuple[BaseException, ...] = getattr(error, "exceptions", ())
    if len(inner) == 1:
        return error_response(inner[0])
    if isinstance(error, TypeError) and _is_wrong_call(error):
        return _failure(f"failed to call a function: {error}", "ValueError", 400)
    if hasattr(error, "status_code") and hasattr(error, "detail"):
        body = json.dumps({"detail": error.detail}, separators=(",", ":"), default=str).encode()
        headers = dict(getattr(error, "headers", None) or {})
        return Response(body, error.status_code, headers=headers, is_failure=True)
    if inner:
        return _failure(*_describe_group(error, inner), 500)
    status = next((status for kind, status in STATUSES if isinstance(error, kind)), 500)
    return _failure(str(error), type(error).__name__, status)


def is_asgi_response(result: object) -> bool:
    """Return whether a result is a response of a web framework, such as Starlette's StreamingResponse."""
    return callable(result) and hasattr(result, "status_code") and hasattr(result, "raw_headers")


def to_json(value: Any) -> bytes:
    """Encode a result as JSON; raise NotSerializable with the name of a type that can't be encoded."""
    return json.dumps(
        _convert(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False
    ).encode()


def _failure(text: str, kind: str, status: int) -> Response:
    body = json.dumps({"error": text, "type": kind}, separators=(",", ":")).encode()
    return Response(body, status, is_failure=True)


def _describe_group(error: BaseException, inner: tuple[BaseException, ...]) -> tuple[str, str]:
    kinds = ", ".join(type(each).__name__ for each in inner)
    return f"{error}: {', '.join(map(str, inner))}", f"{type(error).__name__}: {kinds}"


def _is_wrong_call(error: TypeError) -> bool:
    # A wrong call is raised by the wrapper's own frame; an error inside the job has further frames.
    frame: TracebackType | None = error.__traceback__
    return frame is not None and frame.tb_next is None


def _convert(value: Any) -> Any:
    if value is None or (isinstance(value, bool | str | int) and not isinstance(value, enum.Enum)):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {_key(key): _convert(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset | types.GeneratorType):
        return [_convert(item) for item in value]
    return _convert_object(value)


def _convert_object(value: Any) -> Any:
    if hasattr(value, "__to_json__"):
        return _convert(value.__to_json__())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            each.name: _convert(getattr(value, each.name)) for each in dataclasses.fields(value)
        }
    if isinstance(value, enum.Enum):
        return _convert(value.value)
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, pathlib.PurePath | uuid.UUID | decimal.Decimal):
        return str(value)
    if isinstance(value, bytes):
        return _decode(value)
    return _convert_numeric(value)


def _convert_numeric(value: Any) -> Any:
    # Arrays and scalars of numpy have tolist(), and so has pandas' Series; a DataFrame becomes a list of its records.
    if hasattr(value, "tolist"):
        return _convert(value.tolist())
    if hasattr(value, "to_dict") and hasattr(value, "columns"):
        return _convert(value.to_dict(orient="records"))
    raise NotSerializable(f"Unable to serialize unknown type: {type(value)}")


def _decode(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise NotSerializable(
            "bytes that are not UTF-8 can't be in a JSON answer; encode them as base64"
        ) from error


def _key(key: Any) -> str:
    if isinstance(key, tuple):
        return ",".join(map(str, key))
    return str(key.value) if isinstance(key, enum.Enum) else str(key)
