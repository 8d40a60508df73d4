"""Installing a plugin on a Racetrack.

Plugins import this module: its names are frozen (docs/plugins.md).
"""

from pathlib import Path
from typing import Any
from urllib.parse import quote

from racetrack_client.client.session import ERROR_CONTEXT, Environment, Session
from racetrack_client.client_config.client_config import ClientConfig, default_config_path
from racetrack_client.log.context_error import wrap_context
from racetrack_client.plugin.plugin_manifest import PluginManifest
from racetrack_client.plugin.source import GithubAccess, PluginFile, fetch_plugin
from racetrack_client.utils.request import parse_response_object

UPLOAD_TIMEOUT_SECONDS = 600


def install_plugin(
    plugin_uri: str,
    lifecycle_url: str | None,
    client_config: ClientConfig | None = None,
    replace: bool = False,
) -> None:
    """Install a plugin from a file, a URL or a release on GitHub; scripts call this function."""
    session = Session(Environment(default_config_path()), lifecycle_url, client_config)
    with wrap_context(f"installing plugin {Path(plugin_uri).name}"):
        upload_plugin(session, fetch_plugin(plugin_uri, GithubAccess()), replace=replace)


def upload_plugin(session: Session, file: PluginFile, *, replace: bool) -> PluginManifest:
    """Send a plugin's zip to Lifecycle; return the manifest as Lifecycle has read it."""
    response = session.request(
        "POST",
        session.api_url(f"plugin/upload/{quote(file.name, safe='')}?replace={int(replace)}"),
        file.content,
        timeout_seconds=UPLOAD_TIMEOUT_SECONDS,
    )
    answer: dict[str, Any] = parse_response_object(response, ERROR_CONTEXT)
    return PluginManifest.model_validate(answer)
