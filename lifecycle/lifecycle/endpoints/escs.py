"""Routes of external service consumers."""

from datetime import UTC, datetime

from fastapi import APIRouter
from pydantic import BaseModel, Field
from racetrack_commons.entities.dto import UnixSeconds

from lifecycle.database.dto import AuthTokenDto, EscDto
from lifecycle.endpoints.dependencies import ReadingDep, ServicesDep, StaffUser, UnitOfWorkDep

router = APIRouter(prefix="/api/v1/escs", tags=["API"])


class NewEscPayload(BaseModel):
    """An ESC to be."""

    name: str = Field(min_length=1, max_length=512)
    id: str | None = Field(None, min_length=1, max_length=36)


class NewTokenPayload(BaseModel):
    """A token to be."""

    expiry_time: UnixSeconds | None


class AuthTokenData(BaseModel):
    """A token of an ESC."""

    id: str
    token: str
    expiry_time: UnixSeconds | None
    active: bool
    last_use_time: UnixSeconds | None


class EscAuthData(BaseModel):
    """An ESC with its tokens."""

    id: str
    name: str
    tokens: list[AuthTokenData]


@router.get("")
def list_escs(_: StaffUser, uow: ReadingDep) -> list[EscDto]:
    """List all ESCs."""
    return uow.escs.list_all()


@router.post("")
def add_esc(
    payload: NewEscPayload, _: StaffUser, services: ServicesDep, uow: UnitOfWorkDep
) -> EscDto:
    """Add an ESC, with a token."""
    esc = uow.escs.add(payload.name, payload.id)
    services.tokens.create(uow, uow.auth_subjects.ensure_of_esc(esc.id))
    return esc


@router.get("/{esc_id}/auth_data")
def get_auth_data(esc_id: str, _: StaffUser, uow: UnitOfWorkDep) -> EscAuthData:
    """Show the tokens of an ESC."""
    esc = uow.escs.get(esc_id)
    subject = uow.auth_subjects.ensure_of_esc(esc.id)
    tokens = [_to_payload(token) for token in uow.auth_tokens.list_of_subject(subject.id)]
    return EscAuthData(id=esc.id, name=esc.name, tokens=tokens)


@router.post("/{esc_id}/auth_token")
def add_token(
    esc_id: str, payload: NewTokenPayload, _: StaffUser, services: ServicesDep, uow: UnitOfWorkDep
) -> AuthTokenData:
    """Give an ESC another token."""
    subject = uow.auth_subjects.ensure_of_esc(uow.escs.get(esc_id).id)
    seconds = payload.expiry_time
    expiry_time = datetime.fromtimestamp(seconds, UTC) if seconds is not None else None
    return _to_payload(services.tokens.create(uow, subject, expiry_time))


@router.delete("/{esc_id}/auth_token/{token_id}")
def revoke_token(esc_id: str, token_id: str, _: StaffUser, uow: UnitOfWorkDep) -> None:
    """Take a token from an ESC."""
    subject = uow.auth_subjects.ensure_of_esc(uow.escs.get(esc_id).id)
    uow.auth_tokens.remove(subject.id, token_id)


def _to_payload(token: AuthTokenDto) -> AuthTokenData:
    return AuthTokenData.model_validate(token, from_attributes=True)
