"""Running git with the protocols and the credentials that a repository may use, and nothing of this machine's settings.

Git receives credentials through an askpass helper and its environment: no command line, URL, log or error holds them.
"""

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote, urlsplit

from racetrack_client.entities import Credentials

from image_builder.running.programs import Command
from image_builder.running.progress import BuildProgress

# The helper compares the whole prompt: any other scheme, host or user gets no credentials. A program that would ask
# again after a refusal (git-lfs does, without end) has a turn, for which a file of its own remembers each answer.
_ASKPASS = """#!/bin/sh
set -C
line="
"
is_one_of() {
  case "$line$2$line" in
    *"$line$1$line"*) return 0 ;;
  esac
  return 1
}
is_first() {
  [ -z "$RACETRACK_GIT_TURN" ] || { : > "$0-$RACETRACK_GIT_TURN-$1"; } 2>/dev/null
}
if is_one_of "$1" "$RACETRACK_GIT_USERNAME_PROMPTS"; then
  is_first username && printf '%s\\n' "$RACETRACK_GIT_USERNAME"
elif is_one_of "$1" "$RACETRACK_GIT_PASSWORD_PROMPTS"; then
  is_first password && printf '%s\\n' "$RACETRACK_GIT_PASSWORD"
else
  exit 1
fi
"""
_OPTIONS = ("-c", "core.hooksPath=/dev/null", "-c", "credential.helper=")


@dataclass(frozen=True)
class GitProgram:
    """Git for one build; its methods raise CommandFailed when a command fails, and BuildCancelled."""

    environment: Mapping[str, str]
    timeout_seconds: float
    progress: BuildProgress
    check: Callable[[], str | None] | None = None
    """Returns a reason to stop, such as that too much has been cloned."""
    run_as: Callable[[Command], Command] | None = None
    """Changes each command so that it runs as another user."""

    def run(self, *arguments: str) -> None:
        """Run a command; its output goes to the build's log."""
        self.progress.run_command(self._command(arguments))

    def capture(self, *arguments: str) -> list[str]:
        """Run a command; return the lines of its output."""
        return self.progress.capture_output(self._command(arguments))

    def asking_once(self) -> "GitProgram":
        """Return a program that gets the username once and the password once."""
        turn = {"RACETRACK_GIT_TURN": secrets.token_hex(4)}
        return replace(self, environment={**self.environment, **turn})

    def _command(self, arguments: Sequence[str]) -> Command:
        command = Command(
            ["git", *_OPTIONS, *arguments],
            self.environment,
            timeout_seconds=self.timeout_seconds,
            check=self.check,
        )
        return self.run_as(command) if self.run_as else command


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
        # git-lfs doesn't know GIT_ALLOW_PROTOCOL.
        **({} if "ssh" in protocols else {"GIT_SSH_COMMAND": "false"}),
    }
    if credentials is None:
        return environment
    origins = _list_origins(remote, credentials.username)
    askpass = workspace / "askpass"
    askpass.write_text(_ASKPASS)
    askpass.chmod(0o700)
    return environment | {
        "GIT_ASKPASS": str(askpass),
        "RACETRACK_GIT_USERNAME_PROMPTS": "\n".join(_list_prompts("Username", origins[:1])),
        "RACETRACK_GIT_PASSWORD_PROMPTS": "\n".join(_list_prompts("Password", origins[1:])),
        "RACETRACK_GIT_USERNAME": credentials.username,
        "RACETRACK_GIT_PASSWORD": credentials.password,
    }


def _list_origins(remote: str, username: str) -> list[str]:
    """List the remote's origin without a user, then with each user who may log in, as git and git-lfs write them."""
    parts = urlsplit(remote)
    user, _, host = parts.netloc.rpartition("@")
    users = (username, quote(username, safe=""), quote(username, safe="$&+,;="), user)
    known = dict.fromkeys(f"{each}@" for each in users if each)
    return [f"{parts.scheme}://{each}{host}" for each in ("", *known)]


def _list_prompts(kind: str, origins: Iterable[str]) -> list[str]:
    """List the prompts for the origins: those of git, and those of git-lfs."""
    return [
        prompt
        for origin in origins
        for prompt in (f"{kind} for '{origin}': ", f'{kind} for "{origin}"')
    ]
