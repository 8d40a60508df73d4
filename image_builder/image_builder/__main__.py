"""Command line of the Image Builder."""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated

import pydantic
import typer
from racetrack_client.entities import DeployPayload, ImageKind
from racetrack_client.log.errors import ValidationError
from racetrack_client.log.logs import configure_logs
from racetrack_commons.api.server import serve_app
from racetrack_commons.plugin.engine import PluginEngine
from racetrack_commons.start import exit_on_failure, start_server

from image_builder.app import create_app
from image_builder.config import ImageBuilderConfig
from image_builder.job_type.catalog import PluginJobTypes
from image_builder.local import LocalBuild, LocalBuilder
from image_builder.running.build_users import CERTIFICATE_VARIABLES

CHECKOUT = Path(__file__).resolve().parents[2]
"""The checkout of Racetrack, when the package is used from it: `make setup` puts the bundled plugins there."""

cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

_SERVICE = "image_builder"
_INHERITED = (
    *("PATH", "HOME", "USER", "LANG", "TZ", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *CERTIFICATE_VARIABLES,
    *("DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_CONTEXT"),
)
"""Variables that programs of builds inherit from the service. Its secrets are not among them: builds run untrusted code."""


@cli.command()
def serve() -> None:
    """Serve the Image Builder's API."""
    config = start_server(_SERVICE, ImageBuilderConfig)
    with exit_on_failure(f"{_SERVICE} can't start"):
        app = create_app(config, PluginJobTypes(config.plugins_dir), inherited_environment())
    serve_app(app, config.http_addr, config.http_port)


@cli.command()
def build(
    directory: Annotated[
        Path, typer.Argument(help="The job's directory.", exists=True, file_okay=False)
    ] = Path(),
    image_kind: Annotated[ImageKind, typer.Option(help="What to make.")] = ImageKind.PROCESS,
    tag: Annotated[str, typer.Option(help="Tag of the image.")] = "latest",
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Use nothing of earlier builds.")
    ] = False,
) -> None:
    """Build the job of a directory alone, without the other services."""
    configure_logs("warn")
    request = LocalBuild(directory, image_kind, tag, no_cache)
    image = create_local_builder(typer.echo).build(request.make_payload())
    typer.echo(f"image: {', '.join(image.image_names)}")
    if image.directory is not None:
        typer.echo(f"it is in {image.directory}")


@cli.command()
def make_image() -> None:
    """Build what a program asks for: the body of Lifecycle's POST /build on standard input; prints the image as JSON."""
    configure_logs("warn")
    try:
        payload = DeployPayload.model_validate_json(sys.stdin.buffer.read())
    except pydantic.ValidationError as error:
        # The whole error text is not shown: it holds the input, which may hold secrets.
        places = ", ".join(".".join(map(str, each["loc"])) or "it" for each in error.errors())
        raise ValidationError(f"standard input is no body of POST /build: see {places}") from None
    image = create_local_builder(partial(typer.echo, err=True)).build_preferred_kind(payload)
    typer.echo(json.dumps(asdict(image), default=str))


def create_local_builder(tell: Callable[[str], None]) -> LocalBuilder:
    """Wire a builder that works without the other services, with the bundled plugins and those of `plugins_dir`."""
    config = local_config()
    if config.bundled_plugins_dir is not None and config.bundled_plugins_dir.is_dir():
        engine = PluginEngine(config.plugins_dir)
        engine.install_bundled(config.bundled_plugins_dir)
        engine.stop()
    job_types = PluginJobTypes(config.plugins_dir)
    return LocalBuilder(config, job_types, inherited_environment(), tell)


def local_config() -> ImageBuilderConfig:
    """Return the settings of a build without the other services.

    They need no secrets, and directories that are not set lie in the user's cache.
    """
    config = ImageBuilderConfig()
    cache = Path.home() / ".cache/racetrack"
    places = {
        "bundled_plugins_dir": CHECKOUT / "build/plugins",
        "plugins_dir": cache / "plugins",
        "images_dir": cache / "images",
        "environments_dir": cache / "environments",
        "workspaces_dir": cache / "workspaces",
        "build_logs_dir": cache / "logs",
    }
    unset = {name: path for name, path in places.items() if name not in config.model_fields_set}
    return config.model_copy(update=unset)


def inherited_environment() -> dict[str, str]:
    """Return the variables of this process that programs of builds inherit."""
    return {
        name: value
        for name, value in os.environ.items()
        if name in _INHERITED or name.startswith(("LC_", "UV_"))
    }


def main() -> None:
    """Run the command line; an error that the caller caused is printed as one line."""
    try:
        cli()
    except ValidationError as error:
        typer.echo(f"error: {error}", err=True)
        raise SystemExit(2) from error


if __name__ == "__main__":
    main()
