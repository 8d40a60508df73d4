"""Routes of people: log-in, log-out, registration, passwords."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field, SecretStr

from lifecycle.auth.password_check import Credentials
from lifecycle.endpoints.address import find_client_address
from lifecycle.endpoints.cookies import delete_auth_cookie, set_auth_cookie
from lifecycle.endpoints.dependencies import (
    AuthToken,
    ReadingDep,
    ServicesDep,
    UserSubject,
)

router = APIRouter(prefix="/api/v1/users", tags=["API"])


PasswordText = Annotated[SecretStr, Field(max_length=4096)]
"""Longer than any that is accepted; hashing whole megabytes would keep others waiting."""


class CredentialsPayload(BaseModel):
    """Name and password."""

    username: str
    password: PasswordText


class ChangePasswordPayload(BaseModel):
    """The password there is, and the one to be."""

    old_password: PasswordText
    new_password: PasswordText


class UserProfileDto(BaseModel):
    """Who is logged in."""

    username: str
    token: str
    is_staff: bool


@router.get("/validate_user_auth")
def validate_user_auth(user: UserSubject, token: AuthToken, uow: ReadingDep) -> UserProfileDto:
    """Check the token and show whose it is."""
    if user.is_anonymous:
        return UserProfileDto(username=user.name, token="", is_staff=True)
    is_staff = uow.users.get(user.name).is_staff
    return UserProfileDto(username=user.name, token=token or "", is_staff=is_staff)


def get_client_address(request: Request, services: ServicesDep) -> str:
    """Return where the caller is."""
    return find_client_address(request, services.config.trusted_proxies)


ClientAddress = Annotated[str, Depends(get_client_address)]


@router.post("/login")
def log_in(
    payload: CredentialsPayload, address: ClientAddress, services: ServicesDep, response: Response
) -> UserProfileDto:
    """Log in with name and password."""
    password = payload.password.get_secret_value()
    profile = services.users.log_in(Credentials(payload.username, password, address))
    set_auth_cookie(response, profile.token, services.config)
    return UserProfileDto(username=profile.username, token=profile.token, is_staff=profile.is_staff)


@router.get("/logout", response_class=Response)
def log_out(services: ServicesDep) -> Response:
    """Forget the token in the browser."""
    response = Response()
    delete_auth_cookie(response, services.config)
    return response


@router.post("/register")
def register(payload: CredentialsPayload, services: ServicesDep) -> None:
    """Ask for an account; staff has to activate it."""
    services.users.register(payload.username, payload.password.get_secret_value())


@router.put("/change_password")
def change_password(
    payload: ChangePasswordPayload,
    user: UserSubject,
    address: ClientAddress,
    services: ServicesDep,
) -> None:
    """Replace the password of the user who calls."""
    old, new = payload.old_password.get_secret_value(), payload.new_password.get_secret_value()
    services.users.change_password(Credentials(user.name, old, address), new)
