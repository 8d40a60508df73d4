"""`racetrack auth permissions`, `allow` and `revoke`: the permissions of users, ESCs and job families."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import typer

from racetrack_client.client.job_call import JobEndpoint, Method
from racetrack_client.client.session import Session
from racetrack_client.client.suggestions import resolve_endpoint
from racetrack_client.commands.opening import open_session
from racetrack_client.commands.options import (
    Output,
    OutputOption,
    Remote,
    ScopeOption,
    complete_exact_version,
    complete_job_name,
    complete_subject,
    format_table,
    print_data,
    say,
)
from racetrack_client.entities import AuthScope
from racetrack_client.log.errors import EntityNotFound, ValidationError
from racetrack_client.utils.request import EndpointUnknown

app = typer.Typer()

Subject = Annotated[
    str,
    typer.Argument(
        help="Name of a user, ESC or job family; user:, esc: or job_family: before it says which.",
        autocompletion=complete_subject,
    ),
]
OneJob = Annotated[
    str | None,
    typer.Argument(metavar="JOB", help="Name of the job.", autocompletion=complete_job_name),
]
OneVersion = Annotated[
    str | None,
    typer.Option(
        "--version",
        help="Only this exact version; default: all versions, also those to come.",
        autocompletion=complete_exact_version,
    ),
]
OneEndpoint = Annotated[
    str | None,
    typer.Option(
        help="Only this endpoint: a method such as explain, or a path such as /api/v1/perform.",
    ),
]
Everything = Annotated[bool, typer.Option("--everything", help="On everything, instead of a job.")]


@dataclass(frozen=True)
class Permission:
    """A scope and its limits; a limit of None does not restrict it."""

    scope: AuthScope
    job_name: str | None
    job_version: str | None
    endpoint: str | None

    @classmethod
    def make(
        cls, scope: AuthScope, name: str | None, version: str | None, endpoint: str | None
    ) -> "Permission":
        """Make a permission; the endpoint is normalized as in Lifecycle: one leading slash, no trailing slash."""
        return cls(scope, name, version, f"/{endpoint.strip('/')}" if endpoint else None)

    def __str__(self) -> str:
        job = " ".join(filter(None, (self.job_name, self.job_version))) or "everything"
        return f"{self.scope.value} {f'{self.endpoint} of ' if self.endpoint else ''}{job}"


@app.command("permissions")
def print_permissions(
    subject: Annotated[
        str | None,
        typer.Argument(help="Name of a user, ESC or job family; default: you."),
    ] = None,
    remote: Remote = None,
    shows_all: Annotated[
        bool, typer.Option("--all", help="Also those that a broader one includes.")
    ] = False,
    output: OutputOption = Output.TEXT,
) -> None:
    """List the permissions of a user, ESC or job family.

    As text, permissions that a broader one includes are left out; JSON has all of them.
    """
    held = _list_held(open_session(remote), subject)
    if not held and output == Output.TEXT:
        say(f"{subject or 'your account'} holds no permission")
        return
    shown = held if shows_all else [each for each in held if not _is_included(each, held)]
    rows = [
        [each["scope"], *(each[key] or "(all)" for key in ("job_name", "job_version", "endpoint"))]
        for each in shown
    ]
    if len(shown) < len(held) and output == Output.TEXT:
        say(f"{len(held) - len(shown)} more are included in these; --all shows them")
    print_data(held, output, format_table(["SCOPE", "JOB", "VERSION", "ENDPOINT"], rows))


PermissionChange = Callable[[Session, str, Permission], None]


def _command_of(change: PermissionChange) -> PermissionChange:
    """Add a command that is named and described as `change`; its arguments and options say which permission changes."""

    @app.command(change.__name__, help=change.__doc__, no_args_is_help=True)
    def change_permission(  # noqa: PLR0913 each is an argument or option of the command
        subject: Subject,
        name: OneJob = None,
        remote: Remote = None,
        scope: ScopeOption = AuthScope.CALL_JOB,
        version: OneVersion = None,
        endpoint: OneEndpoint = None,
        everything: Everything = False,
    ) -> None:
        if bool(name) == everything:
            raise ValidationError("name a job, or say --everything")
        permission = Permission.make(scope, name, version, endpoint)
        change(open_session(remote), subject, permission)

    return change


@_command_of
def allow(session: Session, subject: str, permission: Permission) -> None:
    """Allow a user, ESC or job family something, on a job or on everything."""
    permission = _with_whole_path(session, permission)
    try:
        session.call("POST", "auth/permissions", {"subject": subject, **asdict(permission)})
    except EndpointUnknown:
        session.call("POST", _make_older_path(subject, permission))
    say(f"{subject} may {permission}")


@_command_of
def revoke(session: Session, subject: str, permission: Permission) -> None:
    """Take back what `racetrack auth allow` allowed; it counts at once."""
    held = _list_held(session, subject)
    wanted = asdict(permission)
    found = next((each for each in held if wanted.items() <= each.items()), None)
    if found is None:
        known = ", ".join(each["description"] for each in held) or "nothing"
        raise EntityNotFound(
            f"{subject} was not allowed to {permission}; what was allowed is: {known}"
        )
    session.call("DELETE", f"auth/permissions/{found['id']}")
    say(f"{subject} may no longer {permission}, unless another permission covers it")


def _with_whole_path(session: Session, permission: Permission) -> Permission:
    """Return the permission on the endpoint that a short path means, as `racetrack call` understands it."""
    if permission.job_name is None or permission.endpoint is None:
        return permission
    version = permission.job_version or "latest"
    endpoint = JobEndpoint(permission.job_name, version, permission.endpoint)
    return replace(permission, endpoint=resolve_endpoint(session, endpoint, Method.POST).path)


def _is_included(permission: dict[str, Any], held: list[dict[str, Any]]) -> bool:
    """Return whether a broader permission of the same holder includes this one."""
    return any(_is_broader(each, permission) for each in held)


def _is_broader(one: dict[str, Any], other: dict[str, Any]) -> bool:
    limits = ("job_name", "job_version", "endpoint")
    is_wide = one["scope"] in (other["scope"], AuthScope.FULL_ACCESS) and all(
        one[key] in (None, other[key]) for key in limits
    )
    keys = ("scope", *limits)
    return is_wide and [one[key] for key in keys] != [other[key] for key in keys]


def _list_held(session: Session, subject: str | None) -> list[dict[str, Any]]:
    question = f"?{urlencode({'subject': subject})}" if subject else ""
    return list(session.call("GET", f"auth/permissions{question}"))


def _make_older_path(subject: str, permission: Permission) -> str:
    """Return the route of older servers, which accept only ESCs and job families, on all versions of a job."""
    kind, _, holder = subject.partition(":")
    is_plain = permission.job_name and not permission.job_version and not permission.endpoint
    if kind not in ("esc", "job_family") or not holder or not is_plain:
        raise ValidationError(
            "this Lifecycle is older: it allows only esc:ID or job_family:NAME something, "
            "on all versions and endpoints of a job"
        )
    job = quote(permission.job_name or "", safe="")
    return f"auth/allow/{kind}/{quote(holder, safe='')}/job/{job}/scope/{permission.scope.value}"
