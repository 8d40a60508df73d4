"""Routes of external service consumers."""

from fastapi import Request, Response
from pydantic import BaseModel, Field, TypeAdapter

from lifecycle.auth.holders import add_esc, ensure_holder, get_esc_holder, remove_esc, rename_esc
from lifecycle.domain.auth import EscDto
from lifecycle.endpoints.access.tokens import AuthTokenData, NewTokenPayload, to_token_data
from lifecycle.endpoints.dependencies import (
    ReadingDep,
    ServicesDep,
    StaffUser,
    UnitOfWorkDep,
    make_router,
)
from lifecycle.endpoints.lists.answers import ANSWERS, answer_models, cut_page
from lifecycle.endpoints.lists.queries import WantedPage

router = make_router("/api/v1/escs", "ESCs")
_UNREADABLE = "not readable: it was made with another SECRET_KEY. It is valid; make another one to see its text"
_ESCS = TypeAdapter(list[EscDto])


class NewEscPayload(BaseModel):
    """An ESC to add."""

    name: str = Field(min_length=1, max_length=512)
    id: str | None = Field(None, min_length=1, max_length=36)


class EscNamePayload(BaseModel):
    """Another name of an ESC."""

    name: str = Field(min_length=1, max_length=512)


class EscAuthData(BaseModel):
    """An ESC with its tokens."""

    id: str
    name: str
    tokens: list[AuthTokenData]


@router.get("", response_model=list[EscDto], responses=ANSWERS)
def list_escs(_: StaffUser, wanted: WantedPage, uow: ReadingDep, request: Request) -> Response:
    """List all ESCs."""
    page = cut_page(uow.escs.list_all(), wanted, lambda esc: [esc.id, esc.name])
    return answer_models(request, _ESCS, *page)


@router.post("")
def create_esc(
    payload: NewEscPayload, staff: StaffUser, services: ServicesDep, uow: UnitOfWorkDep
) -> EscDto:
    """Add an ESC with a token."""
    return add_esc(uow, payload.name, payload.id, services.tokens, staff)


@router.put("/{esc_id}")
def change_esc(
    esc_id: str,
    payload: EscNamePayload,
    staff: StaffUser,
    services: ServicesDep,
    uow: UnitOfWorkDep,
) -> EscDto:
    """Rename an ESC."""
    return rename_esc(uow, esc_id, payload.name, staff, services.clock.now())


@router.delete("/{esc_id}")
def delete_esc(esc_id: str, staff: StaffUser, services: ServicesDep, uow: UnitOfWorkDep) -> None:
    """Remove an ESC with its tokens and permissions."""
    remove_esc(uow, esc_id, staff, services.clock.now())


@router.get("/{esc_id}/auth_data")
def get_auth_data(esc_id: str, _: StaffUser, services: ServicesDep, uow: ReadingDep) -> EscAuthData:
    """Show the tokens of an ESC."""
    esc = uow.escs.get(esc_id)
    holder = get_esc_holder(uow, esc_id)
    tokens = [
        to_token_data(token, services.tokens.find_text(token) or _UNREADABLE)
        for token in uow.auth_tokens.list_of_subject(holder.id)
    ]
    return EscAuthData(id=esc.id, name=esc.name, tokens=tokens)


@router.post("/{esc_id}/auth_token")
def add_token(
    esc_id: str,
    payload: NewTokenPayload,
    staff: StaffUser,
    services: ServicesDep,
    uow: UnitOfWorkDep,
) -> AuthTokenData:
    """Create another token of an ESC."""
    holder = ensure_holder(uow, get_esc_holder(uow, esc_id))
    expiry = payload.find_expiry(services.clock.now())
    made = services.tokens.issue(uow, holder, staff, expiry)
    return to_token_data(made.row, made.text)


@router.delete("/{esc_id}/auth_token/{token_id}")
def revoke_token(
    esc_id: str, token_id: str, staff: StaffUser, services: ServicesDep, uow: UnitOfWorkDep
) -> None:
    """Revoke a token of an ESC."""
    services.tokens.revoke(uow, get_esc_holder(uow, esc_id), token_id, staff)
