"""The session of a command: its remote, its token, and authenticated calls to Lifecycle."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

from racetrack_client import __version__
from racetrack_client.client_config.auth import find_user_auth, read_tls_trust
from racetrack_client.client_config.client_config import (
    ClientConfig,
    changing_config,
    load_config,
)
from racetrack_client.client_config.local_stacks import LocalStack, list_local_stacks
from racetrack_client.log.errors import EntityNotFound, ValidationError
from racetrack_client.utils.auth import AuthError, get_auth_request_headers
from racetrack_client.utils.request import (
    DEFAULT_TIMEOUT_SECONDS,
    CertificateRefused,
    EndpointUnknown,
    OnSent,
    RequestError,
    Requests,
    Response,
    ResponseError,
    parse_response,
    parse_response_object,
)
from racetrack_client.utils.tls import TlsTrust
from racetrack_client.utils.url import (
    describe_missing_scheme,
    has_no_scheme,
    join_paths,
    resolve_lifecycle_url,
)

ERROR_CONTEXT = "Lifecycle response error"
LONGEST_DEPLOYMENT_SECONDS = 3600
NO_REMOTE_HINT = (
    "No remote is set: choose one by `racetrack set remote URL`; "
    "`make up` starts a platform on this machine, which is found by itself."
)
CERTIFICATE_HINT = (
    "Name a file with the certificate of its authority by --ca-file FILE, or leave the check out by --insecure (-k) "
    "where you trust the network; `racetrack login` and `racetrack set remote` keep these options."
)


@dataclass(frozen=True)
class Environment:
    """The values of environment variables, which take precedence over the settings file."""

    config_path: Path
    remote: str | None = None
    token: str | None = field(default=None, repr=False)
    tls: TlsTrust = field(default_factory=TlsTrust)
    """The trust that options of the command ask for, and then variables."""
    github_token: str | None = field(default=None, repr=False)
    github_api_url: str | None = None
    """The API that lists releases of plugins; None: the public GitHub."""


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
        chosen = remote or environment.remote
        is_remote_chosen = bool(chosen) or self.config.has_remote
        self._stacks = [] if is_remote_chosen else list_local_stacks(environment.config_path)
        self._is_remote_chosen = is_remote_chosen
        found = self._stacks[0].url if len(self._stacks) == 1 else None
        self.remote_name = chosen or found or self.config.lifecycle_url

    @cached_property
    def lifecycle_url(self) -> str:
        """Lifecycle's URL; raises ValidationError when the remote is not a URL."""
        return resolve_lifecycle_url(self.remote_name, self.config.lifecycle_url_aliases)

    @contextmanager
    def changing_config(self) -> Iterator[ClientConfig]:
        """Yield the settings as they are stored now; save them at the end of the block."""
        with changing_config(self.environment.config_path) as config:
            yield config
        self.config = config

    @property
    def tls(self) -> TlsTrust:
        """The trust in certificates: options and variables come before what is kept for the remote."""
        return self.environment.tls.over(read_tls_trust(self.config, self.lifecycle_url))

    @cached_property
    def token(self) -> str:
        """The token for the remote, empty when the remote requires none; raises AuthError, which says how to log in."""
        token = self.environment.token or find_user_auth(self.config, self.lifecycle_url)
        if token:
            return token
        if self.info.get("auth_required", True):
            raise AuthError(
                f"not logged in to {self.lifecycle_url}; run `racetrack login --username NAME` "
                "or `racetrack login TOKEN`"
            )
        return ""

    @cached_property
    def info(self) -> dict[str, Any]:
        """The public information of Lifecycle; raises EntityNotFound when another server answers."""
        response = self.request("GET", self.api_url("info"), token="")
        try:
            return parse_response_object(response, ERROR_CONTEXT)
        except ResponseError as error:
            if error.status_code >= 500:
                raise
            raise EntityNotFound(
                f"no Lifecycle answers at {self.lifecycle_url}: {error}. {self._suggest_remote()}"
            ) from error

    @property
    def pub_url(self) -> str:
        """The URL of the gateway to jobs; raises EntityNotFound when Lifecycle does not tell it."""
        url = str(self.info.get("external_pub_url") or "")
        if not url:
            raise EntityNotFound(
                "the remote does not tell the URL of its gateway; its operator sets external_pub_url"
            )
        return url.rstrip("/")

    @property
    def dashboard_url(self) -> str:
        """The URL of the dashboard; raises EntityNotFound when Lifecycle does not tell one."""
        url = str(self.info.get("dashboard_url") or "")
        if not url:
            raise EntityNotFound(
                "the remote does not tell the URL of a dashboard; its operator sets EXTERNAL_DASHBOARD_URL"
            )
        return url.rstrip("/") + "/"

    def check_answers(self) -> None:
        """Raise EntityNotFound or RequestError when no Lifecycle answers at the remote."""
        _ = self.info

    def api_url(self, path: str) -> str:
        """Return the URL of an endpoint of Lifecycle."""
        return join_paths(self.lifecycle_url, "api/v1", path)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        timeout_seconds: float | None = DEFAULT_TIMEOUT_SECONDS,
        on_sent: OnSent | None = None,
    ) -> Any:
        """Call `/api/v1/<path>` and return the decoded answer; raises ResponseError with the server's message."""
        response = self.request(
            method,
            self.api_url(path),
            body,
            token=token,
            timeout_seconds=timeout_seconds,
            on_sent=on_sent,
        )
        with self._explaining(method, path):
            answer = parse_response(response, ERROR_CONTEXT)
        if response.content and not response.is_json():
            # For example, the page that a web server shows for every path.
            raise ResponseError(
                f"{method} {response.url} is answered, but not by Lifecycle; is the remote right?",
                response.status_code,
            )
        return answer

    @contextmanager
    def _explaining(self, method: str, path: str) -> Iterator[None]:
        """Explain in EndpointUnknown that Lifecycle is of another version than this command."""
        try:
            yield
        except EndpointUnknown as error:
            raise EndpointUnknown(
                f"Lifecycle at {self.lifecycle_url} does not know {method} /api/v1/{path.partition('?')[0]}: "
                f"it is of another version than this command, {__version__}, or the remote is wrong; "
                "upgrade the older of both, or see `racetrack get remote`",
                error.status_code,
            ) from error

    def request(  # noqa: PLR0913 each is a part of a request
        self,
        method: str,
        url: str,
        body: Any = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float | None = DEFAULT_TIMEOUT_SECONDS,
        on_sent: OnSent | None = None,
    ) -> Response:
        """Send a request with the token and return any answer, errors included; `body` is bytes, or is sent as JSON."""
        is_raw = isinstance(body, bytes)
        own = get_auth_request_headers(self.token if token is None else token)
        tls = self.tls
        with self._suggesting_remote():
            return Requests.request(
                method,
                url,
                json=None if is_raw else body,
                data=body if is_raw else None,
                headers=own | dict(headers or {}),
                timeout=timeout_seconds,
                verify_tls=not tls.insecure,
                on_sent=on_sent,
                ca_file=tls.ca_file,
            )

    @contextmanager
    def _suggesting_remote(self) -> Iterator[None]:
        try:
            yield
        except CertificateRefused as error:
            raise CertificateRefused(f"{error}. {CERTIFICATE_HINT}") from error
        except RequestError as error:
            raise RequestError(f"{error} {self._suggest_remote()}") from error

    @property
    def _is_single_word(self) -> bool:
        is_alias = self.remote_name in self.config.lifecycle_url_aliases
        return not is_alias and not set(".:/") & set(self.remote_name)

    def _suggest_remote(self) -> str:
        """Return a sentence that says how to choose the right remote."""
        if not self._is_remote_chosen:
            return _describe_stacks(self._stacks) if self._stacks else NO_REMOTE_HINT
        if self._is_single_word:
            aliases = ", ".join(sorted(self.config.lifecycle_url_aliases)) or "none"
            return f"{self.remote_name} is taken for a host, because no alias is called so; there are: {aliases}."
        advice = "`racetrack get remote` shows it, `racetrack set remote URL` changes it."
        if has_no_scheme(self.remote_name, self.config.lifecycle_url_aliases):
            return f"Is the remote right? {describe_missing_scheme(self.remote_name)} {advice}"
        return f"Is the remote right? {advice}"

    @contextmanager
    def stream_lines(self, path: str) -> Iterator[Iterator[str]]:
        """Open an endless answer of `/api/v1/<path>` that arrives line by line."""
        streaming = Requests.stream_lines(
            self.api_url(path),
            headers=get_auth_request_headers(self.token),
            timeout=None,
            verify_tls=not self.tls.insecure,
            ca_file=self.tls.ca_file,
        )
        with self._explaining("GET", path), streaming as lines:
            yield lines


def job_path(name: str, version: str, *more: str) -> str:
    """Return the path of an endpoint of a job."""
    if not name or not version:
        raise ValidationError("name a job, and a version of it or none")
    return "/".join(("job", quote(name, safe=""), quote(version, safe=""), *more))


def get_token_user(session: Session, token: str) -> str:
    """Return the name of the token's user; raises AuthError when Lifecycle refuses the token."""
    url = session.api_url("users/validate_user_auth")
    answer = _parse(session.request("GET", url, token=token), "the token is not valid")
    return str(answer["username"])


def log_in(session: Session, username: str, password: str) -> str:
    """Return the token of a user; raises AuthError when Lifecycle refuses the log-in."""
    credentials = {"username": username, "password": password}
    response = session.request("POST", session.api_url("users/login"), credentials, token="")
    # Lifecycle also names other causes: the user may not be active, or there were too many attempts.
    return str(_parse(response, _read_error(response))["token"])


def _describe_stacks(stacks: list[LocalStack]) -> str:
    """Say how to reach the platforms that `make up` started on this machine; no remote is set."""
    if len(stacks) > 1:
        urls = ", ".join(stack.url for stack in stacks)
        return f"No remote is set, and several platforms were started here: choose one by `racetrack set remote URL`: {urls}"
    return (
        f"No remote is set, and the platform of {stacks[0].directory}, which was started here, does not answer: "
        "start it again by `make up` there, or choose another by `racetrack set remote URL`."
    )


def _read_error(response: Response) -> str:
    content = response.json() if response.is_json() else None
    error = content.get("error") if isinstance(content, dict) else None
    return str(error or "the user name or the password is wrong")


def _parse(response: Response, refusal: str) -> dict[str, Any]:
    if response.status_code == 401:
        raise AuthError(refusal)
    return parse_response_object(response, ERROR_CONTEXT)
