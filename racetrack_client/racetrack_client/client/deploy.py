"""Deploying: send the job to Lifecycle and follow the deployment to its end.

Plugins import this module: its names are frozen (docs/plugins.md).
"""

import base64
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from racetrack_client.client.deployment_progress import (
    MAX_OUTAGE_SECONDS,
    DeploymentError,
    follow_deployment,
)
from racetrack_client.client.pack import OnPacked, pack_source, read_secret_vars
from racetrack_client.client.session import Environment, Session
from racetrack_client.client.source_files import SourceFiles, collect_source
from racetrack_client.client.source_paths import is_inside
from racetrack_client.client_config.client_config import ClientConfig, default_config_path
from racetrack_client.entities import BuildFlag, Credentials, DeployPayload, SecretVars
from racetrack_client.log.context_error import walk_causes
from racetrack_client.manifest.entrypoint import examine_entrypoint
from racetrack_client.manifest.load import (
    Overrides,
    load_merged_content,
    merge_content,
    read_mapping,
    require_manifest_path,
)
from racetrack_client.manifest.manifest import Manifest
from racetrack_client.manifest.parse import ManifestError, parse_own_manifest
from racetrack_client.utils.request import OnSent, RequestError, ResponseError

_SENDING_SECONDS = 600
_PAUSE_SECONDS = 0.5
_PROXY_ERRORS = (502, 504)
__all__ = ["BuildContextMethod", "DeploymentError", "send_deploy_request"]


class BuildContextMethod(StrEnum):
    """The origin of the source that the builder uses."""

    local = "local"
    """The client sends the directory."""
    git = "git"
    """The builder clones `git.remote`."""
    default = "default"
    """The manifest's `build_context`, or `local`; `git` when the manifest comes by standard input and names a repository."""


@dataclass(frozen=True)
class DeployOptions:
    """The options of a deployment."""

    force: bool = False
    build_context: BuildContextMethod = BuildContextMethod.default
    no_cache: bool = False
    upgrade: bool = False

    @property
    def build_flags(self) -> list[str]:
        """The flags that the builder gets."""
        flags = {BuildFlag.NO_CACHE: self.no_cache, BuildFlag.UPGRADE: self.upgrade}
        return [str(flag) for flag, is_set in flags.items() if is_set]


@dataclass(frozen=True)
class JobSource:
    """A merged manifest, not validated yet, and the job's directory."""

    content: dict[str, Any]
    directory: Path
    has_directory: bool = True
    """False for a manifest from standard input: it says nothing about the current directory."""

    @classmethod
    def load(cls, workdir: Path, extra_vars: Overrides | None) -> "JobSource":
        """Read the manifest of a directory, or the manifest file at `workdir`."""
        directory = require_manifest_path(workdir).parent
        return cls(load_merged_content(workdir, extra_vars), directory)

    @classmethod
    def read(cls, text: str, extra_vars: Overrides | None) -> "JobSource":
        """Read a manifest from a text; the job's directory is the current one."""
        content = read_mapping(text, "the manifest on standard input")
        return cls(merge_content(content, Path.cwd(), extra_vars), Path.cwd(), has_directory=False)

    def choose_build_context(
        self, manifest: Manifest, wanted: BuildContextMethod
    ) -> BuildContextMethod:
        """Return `local` or `git`: the wanted one, else that of the manifest, else the files that are here."""
        if wanted != BuildContextMethod.default:
            return wanted
        if manifest.build_context is not None:
            return BuildContextMethod(manifest.build_context)
        is_elsewhere = manifest.git.remote and not self.has_directory
        return BuildContextMethod.git if is_elsewhere else BuildContextMethod.local


@dataclass(frozen=True)
class PackedJob:
    """A validated manifest with the body of the deploy call, and the files that the body holds."""

    manifest: Manifest
    payload: DeployPayload
    files: SourceFiles | None
    """None when the builder clones the repository."""
    notes: list[str]
    """Hints for the author about the code of the job."""


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
    no_cache, upgrade = (flag in build_flags for flag in BuildFlag)
    options = DeployOptions(force, build_context_method, no_cache, upgrade)
    source = JobSource.load(Path(workdir), extra_vars)
    payload = pack_job(source, options, session.config.git_credentials).payload
    deployment_id = start_deployment(session, payload)
    follow_deployment(session, deployment_id, lambda _deployment: None)


def start_deployment(
    session: Session,
    payload: DeployPayload,
    on_sent: OnSent | None = None,
    on_outage: Callable[[], None] = lambda: None,
) -> str:
    """Send the deployment, again and again while Lifecycle is down, and return its id.

    The payload carries an id of ours, so Lifecycle knows a deployment that it has received already.
    """
    sent = payload.model_copy(update={"deployment_id": str(uuid4())}).model_dump()
    began, is_told = time.monotonic(), False
    while True:
        try:
            answer = session.call(
                "POST", "deploy", sent, timeout_seconds=_SENDING_SECONDS, on_sent=on_sent
            )
            return str(answer["id"])
        except (RequestError, ResponseError) as error:
            if not _is_outage(error) or time.monotonic() - began > MAX_OUTAGE_SECONDS:
                raise
        if not is_told:
            on_outage()
            is_told = True
        time.sleep(_PAUSE_SECONDS)


def _is_outage(error: RequestError | ResponseError) -> bool:
    """Return whether Lifecycle, or the proxy in front of it, is there, but takes no connection just now."""
    if isinstance(error, ResponseError):
        return error.status_code in _PROXY_ERRORS
    causes = list(walk_causes(error))
    reasons = [getattr(cause, "reason", None) for cause in causes]
    return any(isinstance(each, ConnectionError | HTTPException) for each in (*causes, *reasons))


def pack_job(
    source: JobSource,
    options: DeployOptions,
    credentials: dict[str, Credentials],
    on_packed: OnPacked = lambda _done, _total: None,
) -> PackedJob:
    """Validate the manifest and pack what is sent; `credentials` are those of git hosts."""
    manifest = parse_own_manifest(source.content)
    files, notes = None, []
    if source.choose_build_context(manifest, options.build_context) == BuildContextMethod.local:
        _check_files(source.directory, manifest)
        notes = list_notes(source.directory, manifest)
        files = collect_source(source.directory, manifest)
    elif not manifest.git.remote:
        raise ManifestError([("git.remote", "is missing: name the repository to clone")])
    directory = source.directory
    payload = DeployPayload(
        manifest=source.content,
        git_credentials=_find_credentials(manifest.git.remote, credentials),
        secret_vars=SecretVars(
            build_env=read_secret_vars(directory, manifest.secret_build_env_file),
            runtime_env=read_secret_vars(directory, manifest.secret_runtime_env_file),
        ),
        build_context=files and base64.b64encode(pack_source(files, on_packed)).decode(),
        force=options.force,
        build_flags=options.build_flags,
    )
    return PackedJob(manifest, payload, files, notes)


def list_notes(directory: Path, manifest: Manifest) -> list[str]:
    """Return notes about the entrypoint, if it is in the directory; raise UnfitEntrypoint when it is no job."""
    path = directory / str(manifest.get_jobtype_extra().get("entrypoint_path") or "")
    return examine_entrypoint(path, manifest) if path.is_file() else []


def _check_files(directory: Path, manifest: Manifest) -> None:
    """Raise ManifestError, which names each file that the manifest needs and the directory lacks."""
    extra = manifest.get_jobtype_extra()
    hint = "; --build-context git builds what is in git.remote" if manifest.git.remote else ""
    named = [(key, extra.get(key)) for key in ("entrypoint_path", "requirements_path")]
    problems = [
        (f"jobtype_extra.{key}", f"{problem}{hint}")
        for key, name in named
        if isinstance(name, str) and (problem := _find_problem(directory, name))
    ]
    if problems:
        raise ManifestError(problems)


def _find_problem(directory: Path, name: str) -> str | None:
    if not (directory / name).is_file():
        return f"there is no file {name} in {directory}"
    if not is_inside(directory, name):
        return f"{name} lies outside {directory}; copy it there, and name the copy by its relative path"
    return None


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
