"""Routes of the tokens of whoever calls."""

from datetime import UTC, datetime

from fastapi import APIRouter
from pydantic import BaseModel, Field
from racetrack_commons.entities.dto import UnixSeconds

from lifecycle.database.dto import AuthTokenDto
from lifecycle.endpoints.committing_route import CommittingRoute
from lifecycle.endpoints.dependencies import (
    AuthToken,
    ReadingDep,
    ServicesDep,
    UnitOfWorkDep,
    UserSubject,
)

router = APIRouter(prefix="/api/v1/auth/token/user", tags=["API"], route_class=CommittingRoute)

_HINT_LENGTH = 6


class NewTokenPayload(BaseModel):
    """A token to be."""

    expiry_time: UnixSeconds | None

    @property
    def expiry(self) -> datetime | None:
        """When it expires."""
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
    """A token of the caller, which is not shown again."""

    id: str
    token_end: str = Field(description="The end of its text, to recognize it by.")
    is_current: bool = Field(description="It is the one that this request shows.")
    expiry_time: UnixSeconds | None
    active: bool
    last_use_time: UnixSeconds | None
    create_time: UnixSeconds | None


@router.get("")
def list_own_tokens(user: UserSubject, shown: AuthToken, uow: ReadingDep) -> list[OwnTokenData]:
    """List the tokens of the user who calls."""
    return [
        OwnTokenData(
            token_end=token.token[-_HINT_LENGTH:],
            is_current=token.token == shown,
            **token.model_dump(exclude={"token", "auth_subject_id"}),
        )
        for token in uow.auth_tokens.list_of_subject(user.id or "")
    ]


@router.post("")
def add_own_token(
    payload: NewTokenPayload, user: UserSubject, services: ServicesDep, uow: UnitOfWorkDep
) -> AuthTokenData:
    """Give the user who calls another token; its text is shown this once."""
    holder = uow.auth_subjects.get(user.id or "")
    return to_token_data(services.tokens.issue(uow, holder, user, payload.expiry))


@router.delete("/{token_id}")
def revoke_own_token(
    token_id: str, user: UserSubject, services: ServicesDep, uow: UnitOfWorkDep
) -> None:
    """Take a token from the user who calls."""
    services.tokens.revoke(uow, uow.auth_subjects.get(user.id or ""), token_id, user)


def to_token_data(token: AuthTokenDto) -> AuthTokenData:
    """Show a token with its text."""
    return AuthTokenData.model_validate(token, from_attributes=True)
