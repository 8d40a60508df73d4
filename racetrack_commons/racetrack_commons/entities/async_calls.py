"""What gateways and Lifecycle say to each other about async calls beyond the call itself: who runs it, and how it ended.

Several values of a header stand in one text, divided by line feeds, which no header may hold.
"""

import base64
import binascii
from enum import StrEnum

from pydantic import BaseModel, Field
from racetrack_client.log.errors import ValidationError

from racetrack_commons.entities.dto import UnixSeconds

_LONGEST_LEASE_SECONDS = 3600


class AsyncCallStatus(StrEnum):
    """How an async call stands."""

    ONGOING = "ongoing"
    COMPLETED = "completed"
    """The job answered, whatever it was."""
    FAILED = "failed"


class BodyEncoding(StrEnum):
    """How the bodies of an async call travel in JSON."""

    UTF_8 = "utf-8"
    BASE64 = "base64"
    """For bodies that are no text."""


class AsyncJobCallDto(BaseModel):
    """A call that was accepted now and is answered later, as PUB keeps it in Lifecycle."""

    id: str = Field(max_length=36)
    status: AsyncCallStatus
    started_at: UnixSeconds
    ended_at: UnixSeconds | None
    error: str | None
    job_name: str = Field(max_length=512)
    job_version: str = Field(max_length=256)
    job_path: str = Field(max_length=512)
    request_method: str = Field(max_length=32)
    request_url: str
    request_headers: dict[str, str]
    request_body: str
    response_status_code: int | None = Field(ge=0, le=999)
    response_headers: dict[str, str] | None
    response_body: str
    attempts: int = Field(0, ge=0, le=2**31 - 1)
    pub_instance_addr: str = Field(max_length=256)
    retriable_error: bool
    body_encoding: BodyEncoding = BodyEncoding.UTF_8
    """Of both bodies; PUBs that don't say it send text."""


class AsyncCallLease(BaseModel):
    """The right to run async calls for so long, renewed or not."""

    holder: str = Field(min_length=1, max_length=256)
    """Never used again: whoever claims anew does so under another name."""
    seconds: float = Field(gt=0, le=_LONGEST_LEASE_SECONDS)


class NewAsyncCall(BaseModel):
    """A call to keep; without a lease whoever asks first may run it."""

    call: AsyncJobCallDto
    lease: AsyncCallLease | None = None


class AsyncCallClaim(BaseModel):
    """A gateway's wish to run calls that nobody runs."""

    lease: AsyncCallLease
    limit: int = Field(ge=0, le=1000)


class ClaimedAsyncCall(AsyncJobCallDto):
    """A call that the claimer has to run."""

    is_abandoned: bool
    """Whether it was running elsewhere and its holder let the lease run out."""


class AsyncCallRenewal(BaseModel):
    """The calls that a gateway still runs."""

    holders: dict[str, str]
    """By the call's id."""
    seconds: float = Field(gt=0, le=_LONGEST_LEASE_SECONDS)


class HeldAsyncCalls(BaseModel):
    """The calls whose lease was renewed; the others are not the gateway's any more."""

    call_ids: list[str]


class AsyncCallRelease(BaseModel):
    """A lease given back before the call ended."""

    holder: str
    claimable_after_seconds: float = Field(ge=0, le=_LONGEST_LEASE_SECONDS)
    error: str | None = None
    """Why the attempt failed; None: there was none that counts."""


class AsyncCallEnd(BaseModel):
    """What became of a call."""

    holder: str
    status: AsyncCallStatus
    error: str | None = None
    response_status_code: int | None = Field(None, ge=0, le=999)
    response_headers: dict[str, str] | None = None
    response_body: str = ""
    body_encoding: BodyEncoding = BodyEncoding.UTF_8


class AsyncCallDelivery(BaseModel):
    """Somebody was given the end of a call."""

    forget_after_seconds: float = Field(ge=0, le=24 * 3600)


class AsyncCallState(BaseModel):
    """How a call stands."""

    status: AsyncCallStatus


def choose_encoding(*bodies: bytes) -> BodyEncoding:
    """Return the encoding that all of the bodies can have."""
    try:
        for body in bodies:
            body.decode()
    except UnicodeDecodeError:
        return BodyEncoding.BASE64
    return BodyEncoding.UTF_8


def encode_body(body: bytes, encoding: BodyEncoding) -> str:
    """Return the text that stands for a body."""
    return base64.b64encode(body).decode() if encoding is BodyEncoding.BASE64 else body.decode()


def decode_body(body: str, encoding: BodyEncoding) -> bytes:
    """Return the bytes that a text stands for; ValidationError when it is not base64."""
    if encoding is BodyEncoding.UTF_8:
        return body.encode()
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise ValidationError(f"a body is not base64, as body_encoding says: {error}") from error
