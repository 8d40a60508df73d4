"""What gateways and Lifecycle say to each other about async calls beyond the call itself: who runs it, and how it ended.

Several values of a header stand in one text, divided by line feeds, which no header may hold.
"""

from pydantic import BaseModel, Field

from racetrack_commons.entities.dto import AsyncCallStatus, AsyncJobCallDto, BodyEncoding

_LONGEST_LEASE_SECONDS = 3600


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
