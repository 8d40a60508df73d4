"""Async calls as PUB and Lifecycle exchange them: the call, the lease to run it, its end, the encoding of bodies.

Several values of one header are joined into one text by line feeds, which no header may contain.
"""

import base64
import binascii
from enum import StrEnum

from pydantic import BaseModel, Field
from racetrack_client.log.errors import ValidationError

from racetrack_commons.entities.dto import UnixSeconds

_LONGEST_LEASE_SECONDS = 3600
LONGEST_IDEMPOTENCY_KEY = 255


class AsyncCallStatus(StrEnum):
    """The status of an async call."""

    ONGOING = "ongoing"
    COMPLETED = "completed"
    """The job has answered, with any status."""
    FAILED = "failed"


class BodyEncoding(StrEnum):
    """The encoding of an async call's bodies in JSON."""

    UTF_8 = "utf-8"
    BASE64 = "base64"
    """For bodies that are not text."""

    @classmethod
    def choose(cls, *bodies: bytes) -> "BodyEncoding":
        """Return the encoding that suits all of the bodies."""
        try:
            for body in bodies:
                body.decode()
        except UnicodeDecodeError:
            return cls.BASE64
        return cls.UTF_8

    def encode_body(self, body: bytes) -> str:
        """Return a body as text."""
        return base64.b64encode(body).decode() if self is BodyEncoding.BASE64 else body.decode()

    def decode_body(self, text: str) -> bytes:
        """Return the bytes of an encoded body; raises ValidationError when the text is not base64."""
        if self is BodyEncoding.UTF_8:
            return text.encode()
        try:
            return base64.b64decode(text, validate=True)
        except binascii.Error as error:
            raise ValidationError(
                f"a body is not base64, as body_encoding says: {error}"
            ) from error


class AsyncJobCallDto(BaseModel):
    """A call that is accepted at once and answered later, as PUB stores it in Lifecycle."""

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
    """The encoding of both bodies; older PUBs leave it out and send text."""


class AsyncCallLease(BaseModel):
    """The right to run async calls; it ends after `seconds` unless it is renewed."""

    holder: str = Field(min_length=1, max_length=256)
    """The name of the lease's holder, unique to one claim: the next claim uses another name."""
    seconds: float = Field(gt=0, le=_LONGEST_LEASE_SECONDS)


class NewAsyncCall(BaseModel):
    """A call to store; without a lease the first gateway that claims it runs it."""

    call: AsyncJobCallDto
    lease: AsyncCallLease | None = None
    caller: str = Field("", max_length=600)
    """The name of the caller, by which calls are counted; older gateways leave it out."""
    token: str = Field("", repr=False)
    """The token that the caller has shown; of it, only the id of its holder is stored."""
    idempotency_key: str | None = Field(None, min_length=1, max_length=LONGEST_IDEMPOTENCY_KEY)
    """The key by which the caller repeats the start without starting a second call."""
    fingerprint: str = Field("", max_length=64)
    """The digest of what the caller sent; a key is good for one request."""


class StartedAsyncCall(BaseModel):
    """The answer to a new call: itself, or the call that the same caller started with the same key before."""

    call_id: str


class AsyncCallClaim(BaseModel):
    """A gateway's request for calls whose lease is free."""

    lease: AsyncCallLease
    limit: int = Field(ge=0, le=1000)
    running: dict[str, int] = {}
    """The number of calls that the gateway runs, by job: jobs with few come first."""
    most_of_job: int | None = Field(None, ge=1)
    """The most calls of one job that the gateway runs; None: any number."""


class ClaimedAsyncCall(AsyncJobCallDto):
    """A call that the claiming gateway has to run."""

    is_abandoned: bool
    """True if the call ran elsewhere and its holder let the lease expire."""


class AsyncCallRenewal(BaseModel):
    """A gateway's request to renew the leases of the calls that it still runs."""

    holders: dict[str, str]
    """The holder of each call, by the call's id."""
    seconds: float = Field(gt=0, le=_LONGEST_LEASE_SECONDS)


class HeldAsyncCalls(BaseModel):
    """The calls whose lease was renewed; the gateway has lost the others."""

    call_ids: list[str]


class AsyncCallRelease(BaseModel):
    """The return of a lease before the call has ended."""

    holder: str
    claimable_after_seconds: float = Field(ge=0, le=_LONGEST_LEASE_SECONDS)
    error: str | None = None
    """The error of the failed attempt; None when no attempt counts."""


class AsyncCallEnd(BaseModel):
    """The end of a call: its status and answer."""

    holder: str
    status: AsyncCallStatus
    error: str | None = None
    response_status_code: int | None = Field(None, ge=0, le=999)
    response_headers: dict[str, str] | None = None
    response_body: str = ""
    body_encoding: BodyEncoding = BodyEncoding.UTF_8


class AsyncCallDelivery(BaseModel):
    """The news that a client has received the end of a call."""

    forget_after_seconds: float = Field(ge=0, le=24 * 3600)


class AsyncCallState(BaseModel):
    """The state of a call."""

    status: AsyncCallStatus


class AsyncCallVisitor(BaseModel):
    """A caller who asks a gateway about async calls."""

    token: str = Field("", repr=False)
    """The token that the caller has shown; empty without one."""


class OwnAsyncCallsQuery(AsyncCallVisitor):
    """A caller's request for a page of the calls that it has started."""

    job_name: str = ""
    """Without a name, calls of all jobs."""
    job_version: str = ""
    statuses: list[AsyncCallStatus] = []
    """Without a status, calls of all."""
    limit: int = Field(100, ge=1, le=1000)
    offset: int = Field(0, ge=0, le=2**31 - 1)


class AsyncCallSummary(BaseModel):
    """An async call without headers and bodies."""

    id: str
    status: AsyncCallStatus
    job_name: str
    job_version: str
    job_path: str
    request_method: str
    started_at: UnixSeconds
    ended_at: UnixSeconds | None
    error: str | None
    response_status_code: int | None
    attempts: int


class OwnAsyncCalls(BaseModel):
    """A page of a caller's async calls, the newest first."""

    calls: list[AsyncCallSummary]
    total: int
    """The number of calls on all pages."""
