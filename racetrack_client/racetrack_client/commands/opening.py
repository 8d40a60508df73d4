"""Opening the session of a command from the process environment and the settings file."""

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from racetrack_client.client.session import Environment, Session
from racetrack_client.client_config.client_config import (
    default_config_path,
    is_open_to_others,
)
from racetrack_client.utils.tls import TlsTrust, choose_trust, get_asked_trust


def read_variables() -> dict[str, str]:
    """Return the environment variables of the process."""
    return dict(os.environ)  # noqa: TID251 - the one place where the command line reads them


def open_environment() -> Environment:
    """Read the variables that configure the command line."""
    variables = read_variables()
    return Environment(
        config_path=Path(variables.get("RACETRACK_CONFIG") or default_config_path()).expanduser(),
        remote=variables.get("RACETRACK_REMOTE"),
        token=variables.get("RACETRACK_AUTH_TOKEN", "").strip() or None,
        tls=get_asked_trust().over(_read_trust(variables)),
        github_token=variables.get("GITHUB_TOKEN"),
        github_api_url=variables.get("GITHUB_API_URL"),
    )


def _read_trust(variables: Mapping[str, str]) -> TlsTrust:
    insecure = variables.get("RACETRACK_INSECURE_TLS", "").lower()
    is_insecure = insecure in ("1", "true", "yes") if insecure else None
    return choose_trust(is_insecure, variables.get("RACETRACK_CA_FILE") or None)


def open_session(remote: str | None = None) -> Session:
    """Open the session of a command; warn when other users may read its settings file."""
    session = open_quiet_session(remote)
    path = session.environment.config_path
    if is_open_to_others(path):
        sys.stderr.write(
            f"warning: other users may read or change {path}, which holds tokens; run: chmod 600 {shlex.quote(str(path))}\n"
        )
    return session


def open_quiet_session(remote: str | None = None) -> Session:
    """Open a session without the warning, for shell completion."""
    return Session(open_environment(), remote)
