"""Routes of tokens: those of the calling user, and those that administrators hand out or replace."""

from datetime import UTC, datetime, timedelta

from fastapi import Request, Response
from pydantic import BaseModel, Field
from racetrack_commons.auth.token import AuthSubjectType
from racetrack_commons.entities.dto import UnixSeconds

from lifecycle.auth.holders import ensure_holder, get_esc_holder
from lifecycle.domain.auth import AuthTokenDto
from lifecycle.endpoints.access.cookies import set_login_cookies
from lifecycle.endpoints.dependencies import (
    Administrator,
    ReadingDep,
    ServicesDep,
    UnitOfWorkDep,
    UserSubject,
    make_router,
)

router = make_router("/api/v1/auth", "users")
_LONGEST_SECONDS = 100 * 365 * 24 * 3600


class NewTokenPayload(BaseModel):
    """A token to create."""

    expiry_time: UnixSeconds | None
    expires_in_seconds: int | None = Field(
        default=None,
        ge=1,
        le=_LONGEST_SECONDS,
        description="Counted from now by the clock of this server; it takes precedence.",
    )

    def find_expiry(self, now: datetime) -> datetime | None:
        """Return the time at which the token expires; None if it never does."""
        if self.expires_in_seconds is not None:
            return now + timedelta(seconds=self.expires_in_seconds)
        seconds = self.expiry_time
        return datetime.fromtimestamp(seconds, UTC) if seconds is not None else None


class AuthTokenData(BaseModel):
    """A token."""

    id: str
    token: str
    expiry_time: UnixSeconds | None
    active: bool
    last_use_time: UnixSeconds | None
    create_time: UnixSeconds | None


class OwnTokenData(BaseModel):
    """A token of the caller without its text, which is not shown again."""

    id: str
    token_end: str = Field(description="The end of its text, to recognize it by.")
    is_current: bool = Field(
        description="It is the one that this request shows, or that its session was opened by."
    )
    expiry_time: UnixSeconds | None
    active: bool
    last_use_time: UnixSeconds | None
    create_time: UnixSeconds | None


class TokenPayload(BaseModel):
    """A token."""

    token: str


class ReplacementTokenPayload(BaseModel):
    """The token that replaces all others."""

    new_token: str


@router.get("/token/user")
def list_own_tokens(user: UserSubject, uow: ReadingDep) -> list[OwnTokenData]:
    """List the tokens of the calling user."""
    return [
        OwnTokenData(
            token_end=token.token_end or "",
            is_current=token.id == user.token_id,
            **token.model_dump(exclude={"sealed", "token_end", "auth_subject_id"}),
        )
        for token in uow.auth_tokens.list_of_subject(user.id or "")
    ]


@router.post("/token/user")
def add_own_token(
    payload: NewTokenPayload, user: UserSubject, services: ServicesDep, uow: UnitOfWorkDep
) -> AuthTokenData:
    """Create another token of the calling user; its text is shown this once."""
    holder = uow.auth_subjects.get(user.id or "")
    expiry = payload.find_expiry(services.clock.now())
    made = services.tokens.issue(uow, holder, user, expiry)
    return to_token_data(made.row, made.text)


@router.delete("/token/user/{token_id}")
def revoke_own_token(
    token_id: str, user: UserSubject, services: ServicesDep, uow: UnitOfWorkDep
) -> None:
    """Revoke a token of the calling user."""
    services.tokens.revoke(uow, uow.auth_subjects.get(user.id or ""), token_id, user)


@router.post("/token/user/reveal")
def reveal_own_token(
    user: UserSubject, services: ServicesDep, uow: UnitOfWorkDep, response: Response
) -> TokenPayload:
    """Show the token that the calling user logs in with on the command line; it is made if there is none."""
    response.headers["Cache-Control"] = "no-store"
    holder = uow.auth_subjects.get(user.id or "")
    return TokenPayload(token=services.tokens.ensure_valid(uow, holder))


@router.post("/token/user/regenerate")
def regenerate_own_tokens(
    user: UserSubject, services: ServicesDep, request: Request, response: Response
) -> ReplacementTokenPayload:
    """Replace all tokens of the calling user, which ends all sessions but one that asks for it."""
    with services.unit_of_work() as uow:
        holder = uow.auth_subjects.get(user.id or "")
        token = services.tokens.regenerate(uow, holder, user)
        services.sessions.keep(uow, user)
    if user.session_id is None:
        set_login_cookies(request, response, token, services)
    return ReplacementTokenPayload(new_token=token)


@router.get("/token/esc/{esc_id}")
def get_esc_token(
    esc_id: str, _: Administrator, services: ServicesDep, uow: UnitOfWorkDep
) -> TokenPayload:
    """Show a token of an ESC; one is created if there is none."""
    holder = ensure_holder(uow, get_esc_holder(uow, esc_id))
    return TokenPayload(token=services.tokens.ensure_valid(uow, holder))


@router.post("/token/user/all/regenerate")
def regenerate_user_tokens(by: Administrator, services: ServicesDep, uow: UnitOfWorkDep) -> None:
    """Replace the tokens of all users."""
    services.tokens.regenerate_all(uow, AuthSubjectType.USER, by)


@router.post("/token/job_family/regenerate")
def regenerate_family_tokens(by: Administrator, services: ServicesDep, uow: UnitOfWorkDep) -> None:
    """Replace the tokens of all job families; jobs use theirs until they are deployed again."""
    services.tokens.regenerate_all(uow, AuthSubjectType.JOB_FAMILY, by)


@router.post("/token/esc/regenerate")
def regenerate_esc_tokens(by: Administrator, services: ServicesDep, uow: UnitOfWorkDep) -> None:
    """Replace the tokens of all ESCs."""
    services.tokens.regenerate_all(uow, AuthSubjectType.ESC, by)


def to_token_data(token: AuthTokenDto, text: str) -> AuthTokenData:
    """Convert a token to its payload, with its text."""
    kept = token.model_dump(exclude={"sealed", "token_end", "auth_subject_id"})
    return AuthTokenData(token=text, **kept)
