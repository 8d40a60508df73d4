"""Answers about access to jobs: the subjects that may do something with a job, each with the reasons."""

from enum import StrEnum

from pydantic import BaseModel, Field
from racetrack_client.entities import AuthScope


class CallerKind(StrEnum):
    """The kind of subjects that may do something with a job."""

    ANYONE = "anyone"
    """Every caller, also without a token."""
    USER = "user"
    ESC = "esc"
    JOB_FAMILY = "job_family"


class AccessReasonKind(StrEnum):
    """The kind of reason for access."""

    PERMISSION = "permission"
    FULL_ACCESS = "full_access"
    PUBLIC_ENDPOINT = "public_endpoint"
    NO_TOKEN_DEMANDED = "no_token_demanded"  # noqa: S105 - a setting of the platform


class AccessReason(BaseModel):
    """A reason for access."""

    kind: AccessReasonKind
    description: str = Field(
        description="The same in words, such as `call_job on job family adder`."
    )
    endpoint: str | None = Field(None, description="The endpoint to which it is limited.")
    permission_id: int | None = Field(None, description="The permission that can be revoked.")


class PermittedCaller(BaseModel):
    """A subject that may do something with a job."""

    kind: CallerKind
    name: str = Field(description="As permissions are granted to it; empty for anyone.")
    display_name: str
    reasons: list[AccessReason]


class JobCallers(BaseModel):
    """The subjects that have a scope on a job."""

    job_name: str
    job_version: str
    scope: AuthScope
    endpoint: str | None
    is_complete: bool = Field(
        description="False for callers who may not deploy the job and are not staff: they see only themselves."
    )
    callers: list[PermittedCaller]
