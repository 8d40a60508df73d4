"""Where commands find their remote and token, and how they call Lifecycle."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from racetrack_client.client_config.client_config import ClientConfig, load_config, save_config
from racetrack_client.utils.auth import AuthError, get_auth_request_headers
from racetrack_client.utils.request import (
    DEFAULT_TIMEOUT_SECONDS,
    Requests,
    Response,
    parse_response,
    parse_response_object,
)
from racetrack_client.utils.url import join_paths, resolve_lifecycle_url

ERROR_CONTEXT = "Lifecycle response error"


@dataclass(frozen=True)
class Environment:
    """What the surroundings say, before any file: environment variables."""

    config_path: Path
    remote: str | None = None
    token: str | None = field(default=None, repr=False)
    verify_tls: bool = True
    github_token: str | None = field(default=None, repr=False)


class Session:
    """The settings file, the chosen remote, and authenticated calls to its Lifecycle."""

    def __init__(
        self,
        environment: Environment,
        remote: str | None = None,
        config: ClientConfig | None = None,
    ) -> None:
        self.environment = environment
        self.config = load_config(environment.config_path) if config is None else config
        self.remote_name = remote or environment.remote or self.config.lifecycle_url
        self.lifecycle_url = resolve_lifecycle_url(
            self.remote_name, self.config.lifecycle_url_aliases
        )

    def save(self) -> None:
        """Write the settings file."""
        save_config(self.environment.config_path, self.config)

    @cached_property
    def token(self) -> str:
        """The token for the remote; empty when it asks for none. AuthError says how to log in."""
        token = self.environment.token or self.config.user_auths.get(self.lifecycle_url)
        if token:
            return token
        info = self.request("GET", self.api_url("info"), token="")
        if parse_response_object(info, ERROR_CONTEXT)["auth_required"]:
            raise AuthError(
                f"not logged in to {self.lifecycle_url}; run `racetrack login --username NAME` "
                "or `racetrack login TOKEN`"
            )
        return ""

    def api_url(self, path: str) -> str:
        """The URL of an endpoint of Lifecycle."""
        return join_paths(self.lifecycle_url, "api/v1", path)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        timeout_seconds: float | None = DEFAULT_TIMEOUT_SECONDS,
    ) -> Any:
        """Call `/api/v1/<path>` and return the decoded answer, or raise with the server's words."""
        response = self.request(
            method, self.api_url(path), body, token=token, timeout_seconds=timeout_seconds
        )
        return parse_response(response, ERROR_CONTEXT)

    def request(
        self,
        method: str,
        url: str,
        body: Any = None,
        *,
        token: str | None = None,
        timeout_seconds: float | None = DEFAULT_TIMEOUT_SECONDS,
    ) -> Response:
        """Send a request with the token, whatever answer comes; `body` is bytes or becomes JSON."""
        is_raw = isinstance(body, bytes)
        return Requests.request(
            method,
            url,
            json=None if is_raw else body,
            data=body if is_raw else None,
            headers=get_auth_request_headers(self.token if token is None else token),
            timeout=timeout_seconds,
            verify_tls=self.environment.verify_tls,
        )

    def stream_lines(self, path: str) -> AbstractContextManager[Iterator[str]]:
        """Open an answer of `/api/v1/<path>` that comes line by line and has no end."""
        return Requests.stream_lines(
            self.api_url(path),
            headers=get_auth_request_headers(self.token),
            timeout=None,
            verify_tls=self.environment.verify_tls,
        )
