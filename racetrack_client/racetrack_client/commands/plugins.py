"""`racetrack plugin`: install, uninstall, list, bundle, download."""

from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from racetrack_client.client.session import ERROR_CONTEXT
from racetrack_client.commands.opening import open_environment, open_session
from racetrack_client.commands.options import (
    Output,
    OutputOption,
    Remote,
    complete_plugin_name,
    complete_plugin_version,
    print_data,
    say,
)
from racetrack_client.log.errors import ValidationError
from racetrack_client.plugin.bundle import bundle_plugin, load_plugin_manifest
from racetrack_client.plugin.install import upload_plugin
from racetrack_client.plugin.source import GITHUB_API, GithubAccess, fetch_plugin
from racetrack_client.utils.request import parse_response

plugin_app = typer.Typer(
    no_args_is_help=True, help="Manage the plugins of a Racetrack, and bundle your own."
)
app = typer.Typer()
app.add_typer(plugin_app, name="plugin")


@app.callback()
def _group() -> None:
    """Keep the group a command of a group."""


@plugin_app.command("install", no_args_is_help=True)
def install(
    plugin_uri: Annotated[
        str, typer.Argument(help="A zip file, its URL, or github.com/OWNER/REPO[==VERSION].")
    ],
    remote: Remote = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Remove all other versions of the plugin.")
    ] = False,
) -> None:
    """Install a plugin."""
    session = open_session(remote)
    environment = open_environment()
    github = GithubAccess(environment.github_api_url or GITHUB_API, environment.github_token)
    manifest = upload_plugin(session, fetch_plugin(plugin_uri, github), replace=replace)
    say(f"plugin {manifest.name} {manifest.version} is installed")


@plugin_app.command("uninstall", no_args_is_help=True)
def uninstall(
    plugin_name: Annotated[
        str, typer.Argument(help="Name of the plugin.", autocompletion=complete_plugin_name)
    ],
    version: Annotated[
        str,
        typer.Option(
            "--version", help="The exact version.", autocompletion=complete_plugin_version
        ),
    ],
    remote: Remote = None,
) -> None:
    """Uninstall one version of a plugin."""
    open_session(remote).call("DELETE", _plugin_path(plugin_name, version))
    say(f"plugin {plugin_name} {version} is uninstalled")


@plugin_app.command("list")
def print_plugins(
    remote: Remote = None,
    job_types: Annotated[
        bool, typer.Option("--job-types", help="List the job types that plugins offer.")
    ] = False,
    broken: Annotated[
        bool,
        typer.Option("--broken", help="List the plugins that can't be loaded, and why; for staff."),
    ] = False,
    output: OutputOption = Output.TEXT,
) -> None:
    """List the installed plugins."""
    session = open_session(remote)
    if job_types:
        listed = session.call("GET", "plugin/job_type/versions")
        lines = listed
    elif broken:
        listed = session.call("GET", "plugin/broken")
        lines = [f"{plugin['file']}: {plugin['error']}" for plugin in listed]
    else:
        listed = session.call("GET", "plugin")
        lines = [f"{plugin['name']}=={plugin['version']}" for plugin in listed]
    if lines or output == Output.JSON:
        print_data(listed, output, "\n".join(lines))


@plugin_app.command("download", no_args_is_help=True)
def download(
    name: Annotated[
        str, typer.Argument(help="Name of the plugin.", autocompletion=complete_plugin_name)
    ],
    version: Annotated[
        str, typer.Argument(help="The exact version.", autocompletion=complete_plugin_version)
    ],
    remote: Remote = None,
    out_dir: Annotated[Path, typer.Option(help="Directory to write to.")] = Path(),
    out_filename: Annotated[str | None, typer.Option(help="Name of the file.")] = None,
) -> None:
    """Download an installed plugin as a zip."""
    if not out_dir.is_dir():
        raise ValidationError(f"{out_dir} is not a directory")
    session = open_session(remote)
    response = session.request("GET", session.api_url(f"{_plugin_path(name, version)}/download"))
    parse_response(response, ERROR_CONTEXT)
    target = out_dir / (out_filename or f"{name}-{version}.zip")
    target.write_bytes(response.content)
    say(f"wrote {target}")


@plugin_app.command("bundle")
def bundle(
    workdir: Annotated[
        Path, typer.Argument(help="Directory with plugin.py and plugin-manifest.yaml.")
    ] = Path(),
    out: Annotated[
        Path | None,
        typer.Option(help="Directory to write to; default: workdir."),
    ] = None,
    out_filename: Annotated[str | None, typer.Option(help="Name of the zip.")] = None,
    plugin_version: Annotated[
        str | None, typer.Option(help="Override the manifest's version.")
    ] = None,
) -> None:
    """Bundle a plugin's directory into a zip."""
    target_directory = out or workdir
    if not target_directory.is_dir():
        raise ValidationError(f"{target_directory} is not a directory")
    manifest = load_plugin_manifest(workdir, plugin_version)
    target = target_directory / (out_filename or f"{manifest.name}-{manifest.version}.zip")
    bundle_plugin(workdir, target, manifest)
    say(f"wrote {target}")


def _plugin_path(name: str, version: str) -> str:
    if not name or not version:
        raise ValidationError("name a plugin and its exact version, as in `racetrack plugin list`")
    return f"plugin/{quote(name, safe='')}/{quote(version, safe='')}"
