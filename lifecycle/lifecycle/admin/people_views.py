"""Views of users, auth subjects, tokens and permissions."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import anyio.to_thread
from racetrack_client.entities import AuthScope
from racetrack_client.log.errors import AlreadyExists, ValidationError
from sqlalchemy import Select
from starlette.requests import Request
from starlette_admin.exceptions import FormValidationError
from starlette_admin.fields import (
    BaseField,
    BooleanField,
    ComputedField,
    DateTimeField,
    EnumField,
    HasOne,
    PasswordField,
    StringField,
)
from starlette_admin.types import RequestAction

from lifecycle.admin.audited_view import ALL, NEVER, AuditedView, SuperuserView, ViewNames
from lifecycle.auth.passwords.strength import check_password_strength
from lifecycle.auth.users import check_username, check_username_is_free
from lifecycle.database.record_tables import name_subject, with_holder
from lifecycle.database.tables.auth import AuthSubjectRow, AuthTokenRow, PermissionRow, UserRow
from lifecycle.domain.auth import AuthTokenDto
from lifecycle.endpoints.dependencies import LifecycleServices

_SCOPES = [(scope.value, scope.value) for scope in AuthScope]


class UserView(SuperuserView):
    """Users."""

    row = UserRow
    names = ViewNames("user", menu="Users", row="User", icon="user")
    fields = (
        StringField("username", required=True),
        PasswordField(
            "password",
            help_text="on changes, empty: the password stays as it is",
            exclude_from_list=True,
            exclude_from_detail=True,
            # The hash never leaves the server.
            formatter={RequestAction.EDIT: lambda _request, _value: ""},
        ),
        StringField("email"),
        StringField("first_name", exclude_from_list=True),
        StringField("last_name", exclude_from_list=True),
        BooleanField(
            "is_active", default=True, help_text="may log in; what for, is said under Permissions"
        ),
        BooleanField("is_staff", help_text="may use this panel, and look after users and plugins"),
        BooleanField(
            "is_superuser",
            exclude_from_list=True,
            help_text="may make others staff, and see users and tokens here",
        ),
        DateTimeField("date_joined", read_only=True, exclude_from_create=True),
        DateTimeField("last_login", read_only=True, exclude_from_create=True, null_template=NEVER),
    )
    searchable_fields = ("username", "email", "first_name", "last_name")

    async def validate(self, request: Request, data: dict[str, Any]) -> None:
        """Check name and password; raises FormValidationError for a weak password, and for a new user without one."""
        await super().validate(request, data)
        is_new = request.state.action != RequestAction.EDIT
        username, password = str(data.get("username") or ""), str(data.get("password") or "")
        if is_new:
            with _explaining("username"):
                check_username(username)
                uow = request.state.uow
                await anyio.to_thread.run_sync(check_username_is_free, uow, username)
        if is_new or password:
            with _explaining("password"):
                check_password_strength(password, username)

    async def _populate_obj(
        self, request: Request, obj: UserRow, data: dict[str, Any], is_edit: bool = False
    ) -> UserRow:
        username = str(data.get("username") or "")
        if is_edit and username != obj.username:
            with _explaining("username"):
                check_username(username)
        given = {**data, **{name: data.get(name) or "" for name in _TEXTS}}
        password = given.pop("password", None)
        given["password"] = obj.password
        if password:
            hash_password = self.services.users.passwords.hash
            given["password"] = await anyio.to_thread.run_sync(hash_password, password)
        user: UserRow = await super()._populate_obj(request, obj, given, is_edit)
        if not is_edit:
            user.date_joined = self.services.clock.now()
        return user


_TEXTS = ("email", "first_name", "last_name")


@contextmanager
def _explaining(field: str) -> Iterator[None]:
    """Show a ValidationError or UsernameTaken at a field of the form."""
    try:
        yield
    except (ValidationError, AlreadyExists) as error:
        raise FormValidationError({field: str(error)}) from error


class AuthSubjectView(AuditedView):
    """Users, ESCs and job families as holders of tokens and permissions."""

    row = AuthSubjectRow
    names = ViewNames("auth-subject", menu="Auth subjects", row="Auth subject", icon="id-badge")
    fields = (
        StringField("id", exclude_from_list=True),
        ComputedField("kind", getter=lambda _, subject: name_subject(subject)[0]),
        ComputedField("name", getter=lambda _, subject: name_subject(subject)[1]),
    )
    searchable_fields = ("id",)
    sortable_fields = ("id",)

    def get_list_query(self, request: Request) -> Select[Any]:
        """Return the query, which loads the holders of the subjects as well."""
        return with_holder(super().get_list_query(request))

    async def repr(self, obj: AuthSubjectRow, request: Request) -> str:  # noqa: ARG002
        """Return the text that stands for a subject in other views."""
        return " ".join(name_subject(obj))


class AuthTokenView(SuperuserView):
    """Tokens of auth subjects."""

    row = AuthTokenRow
    names = ViewNames("auth-token", menu="Auth tokens", row="Auth token", icon="key")
    fields: Sequence[BaseField] = (
        StringField("id", exclude_from_list=True),
        HasOne("auth_subject", key="auth-subject", required=True, exclude_from_edit=True),
        BooleanField("active", exclude_from_create=True),
        DateTimeField("expiry_time", help_text="empty: never", null_template=NEVER),
        DateTimeField("last_use_time", read_only=True, exclude_from_create=True, null_template=NEVER),
        StringField("token_end", read_only=True, exclude_from_create=True),
    )  # fmt: skip
    searchable_fields = ("id", "token_end")
    sortable_fields = ("active", "expiry_time", "last_use_time")

    def __init__(self, services: LifecycleServices) -> None:
        def show_text(_: Request, token: AuthTokenRow) -> str | None:
            return services.tokens.find_text(AuthTokenDto.model_validate(token))

        text = ComputedField("text", label="Token", getter=show_text, exclude_from_list=True)
        self.fields = (*self.fields, text)
        super().__init__(services)

    def get_list_query(self, request: Request) -> Select[Any]:
        """Return the query, which loads the subjects and their holders as well."""
        return with_holder(super().get_list_query(request), AuthTokenRow.auth_subject)

    async def before_create(
        self, request: Request, data: dict[str, Any], obj: AuthTokenRow
    ) -> None:
        """Sign the new token."""
        uow = request.state.uow
        subject = await anyio.to_thread.run_sync(uow.auth_subjects.get, data["auth_subject"].id)
        made = self.services.tokens.seal(self.services.tokens.sign(subject))
        obj.token, obj.sealed, obj.token_end = made.digest, made.sealed, made.end
        obj.active = True


class PermissionView(SuperuserView):
    """Scopes granted to subjects."""

    row = PermissionRow
    names = ViewNames("permission", menu="Permissions", row="Permission", icon="unlock-keyhole")
    fields = (
        HasOne("auth_subject", key="auth-subject", required=True),
        EnumField("scope", choices=_SCOPES, required=True),
        HasOne("job_family", key="job-family", help_text="empty: all", null_template=ALL),
        HasOne("job", key="job", help_text="empty: all versions", null_template=ALL),
        StringField("endpoint", help_text="empty: all", null_template=ALL),
    )
    searchable_fields = ("scope", "endpoint")
    sortable_fields = ("scope", "endpoint")

    def get_list_query(self, request: Request) -> Select[Any]:
        """Return the query, which loads the subjects and their holders as well."""
        return with_holder(super().get_list_query(request), PermissionRow.auth_subject)

    async def _populate_obj(
        self, request: Request, obj: PermissionRow, data: dict[str, Any], is_edit: bool = False
    ) -> PermissionRow:
        given = {**data, "endpoint": data.get("endpoint") or None}
        row: PermissionRow = await super()._populate_obj(request, obj, given, is_edit)
        return row
