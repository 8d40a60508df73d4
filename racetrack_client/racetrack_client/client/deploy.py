"""Deploying: send the job to Lifecycle and follow the deployment to its end.

Plugins import this module: its names are frozen (docs/plugins.md).
"""

import base64
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from racetrack_client.client.pack import pack_directory, read_secret_vars
from racetrack_client.client.session import LONGEST_DEPLOYMENT_SECONDS, Environment, Session
from racetrack_client.client_config.client_config import ClientConfig, default_config_path
from racetrack_client.entities import Credentials, DeployPayload, SecretVars
from racetrack_client.manifest.load import (
    Overrides,
    load_merged_content,
    merge_content,
    read_mapping,
    require_manifest_path,
)
from racetrack_client.manifest.manifest import Manifest
from racetrack_client.manifest.parse import ManifestError, parse_manifest
from racetrack_client.utils.request import RequestError, ResponseError

LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")
SAMPLE_OWNER = "sample@example.com"
MAX_OUTAGE_SECONDS = 60


class DeploymentError(RuntimeError):
    """The deployment failed; the message comes from the server."""

    def __str__(self) -> str:
        return f"deployment error: {super().__str__()}"


class BuildContextMethod(StrEnum):
    """The origin of the source that the builder uses."""

    local = "local"
    """The client sends the directory."""
    git = "git"
    """The builder clones `git.remote`."""
    default = "default"
    """`local` for samples on a platform of this machine, otherwise `git`."""


@dataclass(frozen=True)
class DeployOptions:
    """The options of a deployment."""

    force: bool = False
    build_context: BuildContextMethod = BuildContextMethod.default
    no_cache: bool = False


@dataclass(frozen=True)
class JobSource:
    """A merged manifest, not validated yet, and the job's directory."""

    content: dict[str, Any]
    directory: Path

    @classmethod
    def load(cls, workdir: Path, extra_vars: Overrides | None) -> "JobSource":
        """Read the manifest of a directory, or the manifest file at `workdir`."""
        directory = require_manifest_path(workdir).parent
        return cls(load_merged_content(workdir, extra_vars), directory)

    @classmethod
    def read(cls, text: str, extra_vars: Overrides | None) -> "JobSource":
        """Read a manifest from a text; the job's directory is the current one."""
        content = read_mapping(text, "the manifest on standard input")
        return cls(merge_content(content, Path.cwd(), extra_vars), Path.cwd())


def send_deploy_request(  # noqa: PLR0913 scripts call it with these names
    workdir: str | Path,
    client_config: ClientConfig | None = None,
    lifecycle_url: str | None = None,
    force: bool = False,
    build_context_method: BuildContextMethod = BuildContextMethod.default,
    extra_vars: dict[str, str] | None = None,
    build_flags: Sequence[str] = (),
) -> None:
    """Deploy a job and wait until it runs; scripts call this function."""
    session = Session(Environment(default_config_path()), lifecycle_url, client_config)
    options = DeployOptions(force, build_context_method, "--no-cache" in build_flags)
    source = JobSource.load(Path(workdir), extra_vars)
    _manifest, payload = make_payload(source, options, session)
    deployment = session.call("POST", "deploy", payload.model_dump())
    follow_deployment(session, deployment["id"], lambda _deployment: None)


def make_payload(
    source: JobSource, options: DeployOptions, session: Session
) -> tuple[Manifest, DeployPayload]:
    """Return the validated manifest and the body of the deploy call."""
    content, directory = source.content, source.directory
    manifest = parse_manifest(content)
    secret_files = [
        name for name in (manifest.secret_build_env_file, manifest.secret_runtime_env_file) if name
    ]
    is_local = _is_local(options, manifest, session)
    return manifest, DeployPayload(
        manifest=content,
        git_credentials=_find_credentials(manifest.git.remote, session.config.git_credentials),
        secret_vars=SecretVars(
            build_env=read_secret_vars(directory, manifest.secret_build_env_file),
            runtime_env=read_secret_vars(directory, manifest.secret_runtime_env_file),
        ),
        build_context=_pack(directory, manifest, secret_files) if is_local else None,
        force=options.force,
        build_flags=["--no-cache"] if options.no_cache else [],
    )


def follow_deployment(
    session: Session,
    deployment_id: str,
    on_progress: Callable[[dict[str, Any]], None],
    timeout_seconds: float = LONGEST_DEPLOYMENT_SECONDS,
) -> dict[str, Any]:
    """Poll the deployment until it is done; raises DeploymentError when it fails or takes too long.

    `on_progress` is called with each state. A short outage of Lifecycle is waited out.
    """
    started = answered = time.monotonic()
    while True:
        try:
            deployment = session.call("GET", f"deploy/{deployment_id}")
            answered = time.monotonic()
        except (RequestError, ResponseError) as error:
            if not is_transient(error) or time.monotonic() - answered > MAX_OUTAGE_SECONDS:
                raise
            time.sleep(0.2)
            continue
        on_progress(deployment)
        status = str(deployment["status"]).lower()
        if status == "failed":
            raise DeploymentError(deployment["error"] or "no cause is known")
        if status == "done":
            return dict(deployment)
        elapsed = time.monotonic() - started
        if elapsed > timeout_seconds:
            raise DeploymentError(
                f"not done after {timeout_seconds:g} s; "
                f"deployment {deployment_id} goes on at the server"
            )
        time.sleep(min(0.5, max(0.03, elapsed / 20)))


def is_transient(error: Exception) -> bool:
    """Return whether the same request may succeed a moment later."""
    # While Lifecycle restarts, it refuses connections, or the proxy in front of it answers 502 or 503.
    return isinstance(error, RequestError) or getattr(error, "status_code", 0) >= 500


def _is_local(options: DeployOptions, manifest: Manifest, session: Session) -> bool:
    if options.build_context != BuildContextMethod.default:
        return options.build_context == BuildContextMethod.local
    return (
        urlsplit(session.lifecycle_url).hostname in LOCAL_HOSTS
        and manifest.owner_email == SAMPLE_OWNER
    )


def _pack(directory: Path, manifest: Manifest, secret_files: list[str]) -> str:
    entrypoint = manifest.get_jobtype_extra().get("entrypoint_path")
    if isinstance(entrypoint, str) and not (directory / entrypoint).is_file():
        raise ManifestError(
            [("jobtype_extra.entrypoint_path", f"there is no file {entrypoint} in {directory}")]
        )
    return base64.b64encode(pack_directory(directory, secret_files)).decode()


def _find_credentials(remote: str, known: dict[str, Credentials]) -> Credentials | None:
    parts = urlsplit(remote)
    for key in (
        remote,
        f"{parts.scheme}://{parts.netloc}{parts.path}",
        f"{parts.scheme}://{parts.netloc}",
        parts.netloc,
    ):
        if key.rstrip("/") in known:
            return known[key.rstrip("/")]
    return None
