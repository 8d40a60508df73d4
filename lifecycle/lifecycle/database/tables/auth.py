"""Tables of users, external service consumers, auth subjects, tokens, sessions, permissions and failed log-ins."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from lifecycle.database.tables.base import Base, Id, Serial, Str32, Str256, Str512, owned_by
from lifecycle.database.tables.job import JobFamilyRow, JobRow


class UserRow(Base):
    """A user with a password; the table has the name that older installations gave it."""

    __tablename__ = "auth_user"

    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(String(150), unique=True)
    email: Mapped[str] = mapped_column(String(254), default="")
    first_name: Mapped[str] = mapped_column(String(150), default="")
    last_name: Mapped[str] = mapped_column(String(150), default="")
    password: Mapped[str] = mapped_column(String(128))
    date_joined: Mapped[datetime]
    last_login: Mapped[datetime | None]
    is_active: Mapped[bool] = mapped_column(default=False)
    is_staff: Mapped[bool] = mapped_column(default=False)
    is_superuser: Mapped[bool] = mapped_column(default=False)


class EscRow(Base):
    """An external service consumer: a client outside the platform that calls jobs."""

    __tablename__ = "registry_esc"

    id: Mapped[Id]
    name: Mapped[Str512]


class AuthSubjectRow(Base):
    """A user, an ESC or a job family as the holder of tokens and permissions."""

    __tablename__ = "registry_authsubject"
    __table_args__ = (
        CheckConstraint(
            "(user_id IS NOT NULL AND esc_id IS NULL AND job_family_id IS NULL)"
            " OR (user_id IS NULL AND esc_id IS NOT NULL AND job_family_id IS NULL)"
            " OR (user_id IS NULL AND esc_id IS NULL AND job_family_id IS NOT NULL)",
            name="one_kind",
        ),
    )

    id: Mapped[Id]
    user_id: Mapped[int | None] = owned_by("auth_user", unique=True)
    esc_id: Mapped[str | None] = owned_by("registry_esc", unique=True)
    job_family_id: Mapped[str | None] = owned_by("registry_jobfamily", unique=True)

    user: Mapped[UserRow | None] = relationship(lazy="raise")
    esc: Mapped[EscRow | None] = relationship(lazy="raise")
    job_family: Mapped[JobFamilyRow | None] = relationship(lazy="raise")


class AuthTokenRow(Base):
    """A token of a subject."""

    __tablename__ = "registry_authtoken"
    __table_args__ = (Index("token_idx", "token"),)

    id: Mapped[Id]
    auth_subject_id: Mapped[str] = owned_by("registry_authsubject", index=True)
    token: Mapped[str] = mapped_column(String(1024))
    """The SHA-256 of the token's text, by which it is found."""
    sealed: Mapped[bytes | None]
    """The text, encrypted; None for a token that is shown only when it is made."""
    token_end: Mapped[str | None] = mapped_column(String(6))
    """The end of the text, by which people recognize it."""
    expiry_time: Mapped[datetime | None]
    active: Mapped[bool] = mapped_column(default=True)
    last_use_time: Mapped[datetime | None]
    create_time: Mapped[datetime | None]
    """None for tokens of older releases, which did not store it."""

    auth_subject: Mapped[AuthSubjectRow] = relationship(lazy="raise")


class BrowserSessionRow(Base):
    """A log-in with a browser, which the sessions that it has opened name; it ends with its token."""

    __tablename__ = "registry_browsersession"

    id: Mapped[Id]
    token_id: Mapped[str] = owned_by("registry_authtoken", index=True)
    opened_at: Mapped[datetime]
    """A token that was replaced later is another one, although it keeps its id."""
    ends_at: Mapped[datetime] = mapped_column(index=True)


class PermissionRow(Base):
    """A scope granted to a subject; a null family, job or endpoint does not limit it."""

    __tablename__ = "registry_authresourcepermission"

    id: Mapped[Serial]
    auth_subject_id: Mapped[str] = owned_by("registry_authsubject", index=True)
    scope: Mapped[Str32]
    job_family_id: Mapped[str | None] = owned_by("registry_jobfamily", index=True)
    job_id: Mapped[str | None] = owned_by("registry_job", index=True)
    endpoint: Mapped[Str256 | None]

    auth_subject: Mapped[AuthSubjectRow] = relationship(lazy="raise")
    job_family: Mapped[JobFamilyRow | None] = relationship(lazy="raise")
    job: Mapped[JobRow | None] = relationship(lazy="raise")


class LoginAttemptRow(Base):
    """A log-in that failed, or whose password is still being checked."""

    __tablename__ = "registry_loginattempt"
    __table_args__ = (Index(None, "account"), Index(None, "address"), Index(None, "time"))

    id: Mapped[Serial]
    account: Mapped[str] = mapped_column(String(64))
    """SHA-256 of the user name, because people type passwords into the field of the name."""
    address: Mapped[str] = mapped_column(String(64))
    time: Mapped[datetime]
