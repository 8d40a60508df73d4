"""Tokens: JSON Web Tokens signed with HS256, byte for byte those of earlier versions, and the headers that carry them."""

import base64
import binascii
import json
import uuid
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Self

import jwt
import pydantic
from pydantic import BaseModel, ConfigDict, Field, model_validator
from racetrack_client.entities import AuthScope
from racetrack_client.log.errors import UnauthorizedError

_ALGORITHM = "HS256"
_ADMIN_SEED = "ce081b05-a4a0-414a-8f6a-84c0231916a6"
_INVALID = "the auth token is not valid: log in again, or ask an admin for a new token"
AUTH_HEADER = "X-Racetrack-Auth"
"""The header of requests to every service, and the name of the cookie that log-in sets."""
FORWARDING_HEADER = "X-Racetrack-Forwarding-Key"
"""The header by which a dashboard shows that its `X-Forwarded-For` can be believed."""
_HEADERS = (AUTH_HEADER, "X-Racetrack-User-Auth", "X-Racetrack-Esc-Auth")


class AuthSubjectType(StrEnum):
    """The kind of subject that holds a token."""

    USER = "user"
    ESC = "esc"
    """An external service consumer."""
    JOB_FAMILY = "job_family"
    INTERNAL = "internal"
    """A service of the platform; its tokens are not stored, their signature suffices."""


def _new_seed() -> str:
    return str(uuid.uuid4())


class AuthTokenPayload(BaseModel):
    """The claims of a token. Any other claim makes it invalid."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: str = Field(default_factory=_new_seed)
    """A random text, which distinguishes two tokens of one subject."""
    subject: str
    """The name of a user, job family or service, or the id of an ESC."""
    subject_type: AuthSubjectType
    scopes: list[str] | None = None
    """The scopes of an internal token; an empty list or None means no limit."""
    exp: int | None = None
    """The UNIX seconds at which an internal token expires; no database stores that."""

    @model_validator(mode="after")
    def _require_stored_expiry(self) -> Self:
        """Refuse the expiry of a stored token, which the database knows."""
        if self.exp is not None and self.subject_type is not AuthSubjectType.INTERNAL:
            raise ValueError("only tokens of services say when they expire")
        return self

    def allows(self, scope: AuthScope | None) -> bool:
        """Return whether an internal token has the scope; None stands for an action without a scope."""
        if not self.scopes or AuthScope.FULL_ACCESS in self.scopes:
            return True
        return scope is not None and scope in self.scopes


def encode_token(payload: AuthTokenPayload, key: str) -> str:
    """Return a signed token; its claims have `scopes` and `exp` only if the payload was created with them."""
    unset = {"scopes", "exp"} - payload.model_fields_set
    claims: dict[str, Any] = payload.model_dump(mode="json", exclude=unset)
    return jwt.encode(claims, key, algorithm=_ALGORITHM, sort_headers=True)


def decode_token(text: str, key: str) -> AuthTokenPayload:
    """Return the claims of a valid token; raises UnauthorizedError, which never shows the token, for any other."""
    try:
        claims = jwt.decode(text, key, algorithms=[_ALGORITHM])
        return AuthTokenPayload.model_validate(claims)
    except (jwt.InvalidTokenError, pydantic.ValidationError):
        raise UnauthorizedError(_INVALID) from None


def decode_legacy_token(text: str) -> AuthTokenPayload | None:
    """Return the claims of an ESC's token of the first generation, base64 of JSON; None for any other text.

    Such a token has no signature: the caller must find the exact text among the stored tokens before accepting it.
    """
    try:
        claims = json.loads(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        return None
    if not isinstance(claims, dict) or set(claims) != {"esc-id", "api-key"}:
        return None
    return AuthTokenPayload(
        seed="", subject=str(claims["esc-id"]), subject_type=AuthSubjectType.ESC
    )


def internal_token(
    subject: str,
    key: str,
    scopes: Sequence[AuthScope] = (AuthScope.FULL_ACCESS,),
    expires_at: int | None = None,
) -> str:
    """Return a signed token for a service of the platform, which may do what the scopes say."""
    expiry = {} if expires_at is None else {"exp": expires_at}
    payload = AuthTokenPayload(
        subject=subject,
        subject_type=AuthSubjectType.INTERNAL,
        scopes=[scope.value for scope in scopes],
        **expiry,
    )
    return encode_token(payload, key)


def admin_token(key: str) -> str:
    """Return the first admin's token, which depends only on the key."""
    payload = AuthTokenPayload(
        seed=_ADMIN_SEED, subject="admin", subject_type=AuthSubjectType.USER, scopes=None
    )
    return encode_token(payload, key)


def find_auth_token(headers: Mapping[str, str]) -> str | None:
    """Return the token of a request, or None; the header names of older clients are accepted, too.

    `headers` must ignore case, as those of Starlette and httpx do.
    """
    for name in _HEADERS:
        if token := headers.get(name):
            return token
    return None
