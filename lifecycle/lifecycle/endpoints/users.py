"""Routes of people: log-in, log-out, registration, passwords."""

from fastapi import APIRouter, Response
from pydantic import BaseModel, SecretStr

from lifecycle.auth.authenticate import AuthSubject
from lifecycle.auth.users import UserProfile, WrongCredentials
from lifecycle.endpoints.cookies import delete_auth_cookie, set_auth_cookie
from lifecycle.endpoints.dependencies import (
    ServicesDep,
    UnitOfWorkDep,
    UserSubject,
)

router = APIRouter(prefix="/api/v1/users", tags=["API"])


class CredentialsPayload(BaseModel):
    """Name and password."""

    username: str
    password: SecretStr


class ChangePasswordPayload(BaseModel):
    """The password there is, and the one to be."""

    old_password: SecretStr
    new_password: SecretStr


class UserProfileDto(BaseModel):
    """Who is logged in."""

    username: str
    token: str
    is_staff: bool


@router.get("/validate_user_auth")
def validate_user_auth(
    user: UserSubject, services: ServicesDep, uow: UnitOfWorkDep
) -> UserProfileDto:
    """Check the token and show whose it is."""
    if user.is_anonymous:
        return _anonymous_profile(user)
    row = uow.users.find(user.name)
    if row is None:
        raise WrongCredentials(f"there is no user {user.name} any more: log in again")
    return _to_payload(services.users.get_profile(uow, row))


@router.post("/login")
def log_in(
    credentials: CredentialsPayload,
    services: ServicesDep,
    uow: UnitOfWorkDep,
    response: Response,
) -> UserProfileDto:
    """Log in with name and password."""
    password = credentials.password.get_secret_value()
    profile = services.users.log_in(uow, credentials.username, password)
    set_auth_cookie(response, profile.token, services.config)
    return _to_payload(profile)


@router.get("/logout", response_class=Response)
def log_out(services: ServicesDep) -> Response:
    """Forget the token in the browser."""
    response = Response()
    delete_auth_cookie(response, services.config)
    return response


@router.post("/register")
def register(credentials: CredentialsPayload, services: ServicesDep, uow: UnitOfWorkDep) -> None:
    """Ask for an account; staff has to activate it."""
    services.users.register(uow, credentials.username, credentials.password.get_secret_value())


@router.put("/change_password")
def change_password(
    payload: ChangePasswordPayload,
    user: UserSubject,
    services: ServicesDep,
    uow: UnitOfWorkDep,
) -> None:
    """Replace the password of the user who calls."""
    old, new = payload.old_password.get_secret_value(), payload.new_password.get_secret_value()
    services.users.change_password(uow, user.name, old, new)


def _to_payload(profile: UserProfile) -> UserProfileDto:
    return UserProfileDto(username=profile.username, token=profile.token, is_staff=profile.is_staff)


def _anonymous_profile(user: AuthSubject) -> UserProfileDto:
    return UserProfileDto(username=user.name, token="", is_staff=True)
