"""Running git with the protocols and the credentials that a repository may use, and nothing of this machine's settings.

Git receives credentials through an askpass helper and its environment: no command line, URL, log or error holds them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from racetrack_client.entities import Credentials

from image_builder.running.programs import Command
from image_builder.running.progress import BuildProgress

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
_OPTIONS = ("-c", "core.hooksPath=/dev/null", "-c", "credential.helper=")


@dataclass(frozen=True)
class GitProgram:
    """Git for one build; its methods raise CommandFailed when a command fails, and BuildCancelled."""

    environment: Mapping[str, str]
    timeout_seconds: float
    progress: BuildProgress

    def run(self, *arguments: str) -> None:
        """Run a command; its output goes to the build's log."""
        self.progress.run_command(self._command(arguments))

    def capture(self, *arguments: str) -> list[str]:
        """Run a command; return the lines of its output."""
        return self.progress.capture_output(self._command(arguments))

    def _command(self, arguments: Sequence[str]) -> Command:
        return Command(
            ["git", *_OPTIONS, *arguments], self.environment, timeout_seconds=self.timeout_seconds
        )


def make_git_environment(
    inherited: Mapping[str, str],
    protocols: Sequence[str],
    remote: str,
    credentials: Credentials | None,
    workspace: Path,
) -> dict[str, str]:
    """Return the variables of git; submodules and Git LFS are bound to the same protocols and credentials."""
    environment = {
        **inherited,
        "LC_ALL": "C",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_ALLOW_PROTOCOL": ":".join(protocols),
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
