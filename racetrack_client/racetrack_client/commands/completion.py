"""What the shell offers for arguments and options. A completion never disturbs the prompt: at worst it offers nothing."""

from collections.abc import Iterable, Iterator
from typing import Any

import typer

from racetrack_client.commands.opening import open_quiet_session

PATIENCE_SECONDS = 3.0
"""Who presses Tab waits no longer."""


def complete_job_name(context: typer.Context, incomplete: str) -> list[str]:
    """Offer the names of deployed jobs."""
    return _choose((job["name"] for job in _list_jobs(context)), incomplete)


def complete_exact_version(context: typer.Context, incomplete: str) -> list[str]:
    """Offer the deployed versions of the job that the line names."""
    name = _find_name(context)
    versions = (job["version"] for job in _list_jobs(context) if job["name"] == name)
    return _choose(versions, incomplete)


def complete_job_version(context: typer.Context, incomplete: str) -> list[str]:
    """Offer the deployed versions of the job, and what stands for the newest."""
    return _choose(["latest", *complete_exact_version(context, "")], incomplete)


def complete_infrastructure(context: typer.Context, incomplete: str) -> list[str]:
    """Offer the infrastructure targets that jobs are on."""
    targets = (job.get("infrastructure_target") or "" for job in _list_jobs(context))
    return _choose(filter(None, targets), incomplete)


def complete_remote(incomplete: str) -> list[str]:
    """Offer the aliases of the settings file."""
    try:
        return _choose(open_quiet_session().config.lifecycle_url_aliases, incomplete)
    except Exception:  # noqa: BLE001 - the settings file may be broken
        return []


def complete_plugin_name(context: typer.Context, incomplete: str) -> list[str]:
    """Offer the names of installed plugins."""
    return _choose((plugin["name"] for plugin in _ask(context, "plugin")), incomplete)


def complete_plugin_version(context: typer.Context, incomplete: str) -> list[str]:
    """Offer the installed versions of the plugin that the line names."""
    name = _find_name(context)
    plugins = (plugin for plugin in _ask(context, "plugin") if plugin["name"] == name)
    return _choose((plugin["version"] for plugin in plugins), incomplete)


def _find_name(context: typer.Context) -> str | None:
    """Return the first argument; where an option still lacks its value, arguments are not assigned yet."""
    known = context.params.get("name") or context.params.get("plugin_name")
    return known or next(iter(context.args), None)


def _list_jobs(context: typer.Context) -> Iterator[dict[str, Any]]:
    return iter(_ask(context, "job"))


def _ask(context: typer.Context, path: str) -> list[dict[str, Any]]:
    try:
        session = open_quiet_session(context.params.get("remote"))
        return list(session.call("GET", path, timeout_seconds=PATIENCE_SECONDS))
    except Exception:  # noqa: BLE001 - Lifecycle may be away, the token expired
        return []


def _choose(values: Iterable[str], incomplete: str) -> list[str]:
    return sorted({value for value in values if value.startswith(incomplete)})
