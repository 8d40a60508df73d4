"""The command line of Lifecycle: `serve`, `migrate`, `wait-for-jobs`, `generate-auth`."""

import time
from typing import Annotated

import typer
from racetrack_client.entities import AuthScope
from racetrack_commons.api.server import serve_app
from racetrack_commons.auth.token import internal_token
from racetrack_commons.clock import Clock
from racetrack_commons.start import exit_on_failure, start_process, start_server

from lifecycle.app import create_app
from lifecycle.config import Config
from lifecycle.database.connections import connect, postgres_schema
from lifecycle.database.migrations.revision import migrate as migrate_database
from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.deployment.upkeep import readiness
from lifecycle.domain.secrets import SecretBox

_SERVICE = "lifecycle"

cli = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)


@cli.command()
def serve() -> None:
    """Serve the API."""
    config = start_server(_SERVICE, Config)
    with exit_on_failure(f"{_SERVICE} can't start"):
        app = create_app(config)
    serve_app(app, config.http_addr, config.http_port)


@cli.command()
def migrate() -> None:
    """Bring the tables of the database up to date."""
    config = start_process(_SERVICE, Config)
    engine = connect(config)
    encrypt = SecretBox(config.secret_key).encrypt
    try:
        with exit_on_failure("the database can't be migrated"):
            is_changed = migrate_database(engine, postgres_schema(config), encrypt)
    finally:
        engine.dispose()
    typer.echo("the tables were migrated" if is_changed else "the tables are up to date")


@cli.command()
def wait_for_jobs(
    timeout: Annotated[float, typer.Option(metavar="SECONDS", help="How long to wait.")] = 60,
) -> None:
    """Wait until the jobs take calls; name those that do not in time, which is no error."""
    config = start_process(_SERVICE, Config)
    engine = connect(config)
    probe = readiness.InstanceProbe(SecretBox(config.secret_key))
    try:
        problems = readiness.wait_for_jobs(UnitOfWorkFactory(engine), Clock(), timeout, probe)
    finally:
        engine.dispose()
    for job, problem in problems.items():
        typer.echo(f"job {job} still starts after {timeout:g} s: {problem}", err=True)


@cli.command()
def generate_auth(
    subject: str,
    short: Annotated[bool, typer.Option(help="Print the token only.")] = False,
    scope: Annotated[
        list[AuthScope] | None,
        typer.Option(
            help="What it may do, several times; default: full_access. PUB needs call_job."
        ),
    ] = None,
    expires_in: Annotated[
        int | None,
        typer.Option(min=1, metavar="DAYS", help="Days until it expires; default: never."),
    ] = None,
) -> None:
    """Print a token for a service of the platform."""
    key = start_process(_SERVICE, Config).auth_key.get_secret_value()
    expires_at = int(time.time()) + expires_in * 24 * 3600 if expires_in else None
    token = internal_token(subject, key, scope or [AuthScope.FULL_ACCESS], expires_at)
    typer.echo(token if short else f"token of service {subject}: {token}")


if __name__ == "__main__":
    cli()
