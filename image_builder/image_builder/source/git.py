"""Cloning the source of a job from a git repository.

Git receives credentials through an askpass helper and its environment: no command line, URL, log or error holds them.
"""

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from racetrack_client.client.source_paths import resolve_inside
from racetrack_client.entities import Credentials
from racetrack_client.log.errors import ValidationError
from racetrack_client.manifest import GitManifest

from image_builder.running.programs import Command, CommandFailed
from image_builder.running.progress import BuildProgress
from image_builder.source.source_tree import Source, SourceLimits

_DENIED = re.compile(
    r"Authentication failed|could not read (Username|Password)|terminal prompts disabled"
    r"|returned error: 40[13]|Permission denied",
    re.IGNORECASE,
)

# The helper only answers for the manifest's host: a redirect to another host gets no credentials.
_ASKPASS = """#!/bin/sh
case "$1" in
  *"//$RACETRACK_GIT_HOST'"*|*"@$RACETRACK_GIT_HOST'"*) ;;
  *) exit 1 ;;
esac
case "$1" in
  Username*) printf '%s\\n' "$RACETRACK_GIT_USERNAME" ;;
  *) printf '%s\\n' "$RACETRACK_GIT_PASSWORD" ;;
esac
"""


class GitAccessDenied(ValidationError):
    """The repository needs credentials, or refused the given ones."""


@dataclass(frozen=True)
class GitSource:
    """Clones repositories with the protocols that are allowed."""

    environment: Mapping[str, str]
    """The variables that git inherits from the service."""
    protocols: Sequence[str]
    timeout_seconds: float
    limits: SourceLimits

    def clone(
        self,
        git: GitManifest,
        credentials: Credentials | None,
        workspace: Path,
        progress: BuildProgress,
    ) -> Source:
        """Clone the repository into the workspace and return it; raises ValidationError when it fails or is too large."""
        self._check_remote(git.remote)
        repository = workspace / "repository"
        environment = self._make_environment(git.remote, credentials, workspace)
        if git.branch is not None:
            self._check_branch(git.branch, environment, progress)
        progress.log(f"cloning {git.remote}" + (f", branch {git.branch}" if git.branch else ""))
        try:
            self._run_git(self._clone_arguments(git, repository), environment, progress)
        except CommandFailed as error:
            raise _explain(git, credentials, error) from error
        version = self._describe(repository, environment, progress)
        shutil.rmtree(repository / ".git")
        check_limits(repository, self.limits)
        directory = resolve_inside(repository, git.directory, "git.directory")
        if not directory.is_dir():
            raise ValidationError(
                f"git.directory {git.directory!r} is not a directory of {git.remote}"
            )
        return Source(root=repository, directory=directory, git_version=version)

    def _check_remote(self, remote: str) -> None:
        parts = urlsplit(remote)
        if parts.scheme not in self.protocols or remote.startswith("-"):
            allowed = ", ".join(f"{protocol}://" for protocol in self.protocols)
            raise ValidationError(
                f"git.remote must start with {allowed}, but is {_hide_password(remote)!r}"
            )
        if parts.password:
            raise ValidationError(
                "git.remote must not hold a password; take it out and give it with `racetrack set credentials`"
            )

    def _check_branch(
        self, branch: str, environment: Mapping[str, str], progress: BuildProgress
    ) -> None:
        try:
            self._run_git(["check-ref-format", "--branch", branch], environment, progress)
        except CommandFailed as error:
            raise ValidationError(
                f"git.branch {branch!r} can't be the name of a branch or tag"
            ) from error

    def _clone_arguments(self, git: GitManifest, repository: Path) -> list[str]:
        allowed = [f"protocol.{protocol}.allow=always" for protocol in self.protocols]
        options = [
            "protocol.allow=never",
            *allowed,
            "core.hooksPath=/dev/null",
            "credential.helper=",
        ]
        configured = [part for option in options for part in ("-c", option)]
        branch = [] if git.branch is None else [f"--branch={git.branch}"]
        return [
            *configured,
            "clone",
            "--quiet",
            "--depth=1",
            "--single-branch",
            *branch,
            "--",
            git.remote,
            str(repository),
        ]

    def _make_environment(
        self, remote: str, credentials: Credentials | None, workspace: Path
    ) -> dict[str, str]:
        environment = {
            **self.environment,
            "LC_ALL": "C",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
        }
        if credentials is None:
            return environment
        askpass = workspace / "askpass"
        askpass.write_text(_ASKPASS)
        askpass.chmod(0o700)
        return environment | {
            "GIT_ASKPASS": str(askpass),
            "RACETRACK_GIT_HOST": urlsplit(remote).netloc.rpartition("@")[2],
            "RACETRACK_GIT_USERNAME": credentials.username,
            "RACETRACK_GIT_PASSWORD": credentials.password,
        }

    def _describe(
        self, repository: Path, environment: Mapping[str, str], progress: BuildProgress
    ) -> str:
        arguments = ["-C", str(repository), "describe", "--long", "--tags", "--dirty", "--always"]
        lines = progress.capture_output(self._command(arguments, environment))
        return lines[-1] if lines else "unknown"

    def _run_git(
        self, arguments: Sequence[str], environment: Mapping[str, str], progress: BuildProgress
    ) -> None:
        progress.run_command(self._command(arguments, environment))

    def _command(self, arguments: Sequence[str], environment: Mapping[str, str]) -> Command:
        return Command(["git", *arguments], environment, timeout_seconds=self.timeout_seconds)


def check_limits(directory: Path, limits: SourceLimits) -> None:
    """Raise ValidationError when a directory tree holds too many files or bytes."""
    count, size = 0, 0
    for path in directory.rglob("*"):
        count, size = count + 1, size + path.lstat().st_size
        if count > limits.max_files:
            raise ValidationError(f"the repository holds more than {limits.max_files} files")
        if size > limits.max_bytes:
            raise ValidationError(f"the repository holds more than {limits.max_bytes} bytes")


def _explain(
    git: GitManifest, credentials: Credentials | None, error: CommandFailed
) -> ValidationError:
    if not _DENIED.search(str(error)):
        return ValidationError(f"{git.remote} can't be cloned: {error}")
    if credentials is None:
        return GitAccessDenied(
            f"{git.remote} asks for credentials and none are set; "
            "give them with `racetrack set credentials REPO_URL USERNAME TOKEN`"
        )
    return GitAccessDenied(
        f"{git.remote} refused the credentials of user {credentials.username!r}; "
        "set valid ones with `racetrack set credentials REPO_URL USERNAME TOKEN`"
    )


def _hide_password(remote: str) -> str:
    return re.sub(r"//[^/@]*@", "//***@", remote)
