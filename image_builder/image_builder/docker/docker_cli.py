"""The Docker engine, used through its command line client."""

import io
import json
import re
import subprocess
import tarfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from image_builder.image_maker import BackendUnavailable
from image_builder.running.programs import Cancellation, Command, CommandFailed

_QUESTION_SECONDS = 30.0
_NEVER = datetime.max.replace(tzinfo=UTC)
_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 3.0
_MOST_FILE_BYTES = 1024 * 1024
_AWAY = re.compile(
    r"cannot connect to the docker daemon|is the docker daemon running|error during connect"
    r"|failed to connect to the docker API|error reading from server: EOF|rpc error: code = Unavailable|dial unix \S+ connect:",
    re.IGNORECASE,
)

_FORBIDDEN = re.compile(r"permission denied while trying to connect", re.IGNORECASE)


class DockerUnavailable(BackendUnavailable):
    """The Docker engine does not answer, or the client is not installed."""


class DockerRefused(CommandFailed):
    """The engine refused a call."""


@dataclass(frozen=True)
class EngineImage:
    """An image that the engine holds."""

    id: str
    names: Sequence[str]
    labels: Mapping[str, str]
    changed_at: datetime
    """The time at which the image was made or last tagged."""


@dataclass(frozen=True)
class DockerCli:
    """The client of one engine: that of `DOCKER_HOST`, or the local one. Any thread may use it."""

    environment: Mapping[str, str]
    """All variables that the client inherits from the service."""
    client: str = "docker"

    def check(self) -> None:
        """Raise DockerUnavailable unless the engine answers."""
        self.ask(["version", "--format", "{{.Server.Version}}"])

    def wait(self, seconds: float, cancellation: Cancellation) -> None:
        """Return once the engine answers; raises DockerUnavailable when it does not within `seconds`.

        Raises BuildCancelled as soon as the build is cancelled.
        """
        deadline = time.monotonic() + seconds
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                return self.check()
            except DockerUnavailable:
                if time.monotonic() + pause > deadline:
                    raise
            cancellation.wait(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    def find_image(self, name: str) -> EngineImage | None:
        """Return the image with a name or id, or None."""
        return next(iter(self._inspect([name])), None)

    def list_images(self, labels: Mapping[str, str]) -> list[EngineImage]:
        """Return the images that have all these labels, including images without a name."""
        filters = [f"--filter=label={name}={value}" for name, value in labels.items()]
        ids = self.ask(["image", "ls", "--quiet", "--no-trunc", *filters]).split()
        return self._inspect(list(dict.fromkeys(ids)))

    def tag(self, image: str, name: str) -> None:
        """Give an image another name; raises DockerRefused when the image no longer exists."""
        self.ask(["image", "tag", image, name])

    def remove(self, image: str) -> bool:
        """Remove a name from an image; the image goes with its last name. Return False when the engine refuses."""
        try:
            self.ask(["image", "rm", image])
        except DockerRefused:
            return False
        return True

    def list_used_images(self) -> set[str]:
        """Return the ids of the images that containers use, including stopped containers."""
        containers = self.ask(["container", "ls", "--all", "--quiet", "--no-trunc"]).split()
        return {image for each in containers if (image := self._find_image_of(each)) is not None}

    def remove_old_cache(self, unused_hours: int) -> str:
        """Remove build cache that was unused for `unused_hours`; return the client's summary.

        All builds on the engine share this cache.
        """
        # Without BuildKit the client needs no plugin: buildx would need a writable home directory.
        arguments = ["builder", "prune", "--force", f"--filter=until={unused_hours}h"]
        return self.ask(arguments, {"DOCKER_BUILDKIT": "0"})

    def read_file(self, image: str, path: str) -> bytes | None:
        """Return a small regular file of an image; None when there is none. Nothing of the image runs."""
        container = self.ask(["container", "create", "--network=none", image, "true"]).strip()
        command = [self.client, "container", "cp", f"{container}:{path}", "-"]
        try:
            with subprocess.Popen(
                command,
                env=dict(self.environment),
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            ) as copying:
                # The image is the job's own: what it holds at the path may be of any kind and size.
                archive = copying.stdout.read(_MOST_FILE_BYTES) if copying.stdout else b""
                copying.kill()
        finally:
            self.ask(["container", "rm", container])
        return _read_first_file(archive)

    def make_command(self, arguments: Sequence[str], **options: Any) -> Command:
        """Return the command of a call that takes long and prints its progress."""
        return Command([self.client, *arguments], self.environment, **options)

    def ask(self, arguments: Sequence[str], variables: Mapping[str, str] | None = None) -> str:
        """Return the output of a quick call.

        Raises DockerUnavailable when the engine does not answer, DockerRefused when it refuses.
        """
        try:
            done = subprocess.run(
                [self.client, *arguments],
                env={**self.environment, **(variables or {})},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_QUESTION_SECONDS,
                check=False,
            )
        except FileNotFoundError as error:
            raise DockerUnavailable(
                "there is no Docker client on PATH; install docker", []
            ) from error
        except subprocess.TimeoutExpired as error:
            reason = f"the Docker engine did not answer within {_QUESTION_SECONDS:.0f} s"
            raise DockerUnavailable(reason, []) from error
        if done.returncode != 0:
            raise explain_refusal(done.stderr.decode(errors="replace").strip().splitlines())
        return done.stdout.decode(errors="replace")

    def _find_image_of(self, container: str) -> str | None:
        try:
            return self.ask(["container", "inspect", "--format", "{{.Image}}", container]).strip()
        except DockerRefused:
            return None  # The container was removed meanwhile.

    def _inspect(self, names: Sequence[str]) -> list[EngineImage]:
        # Each image has its own call: in one call for all, a missing image would hide the others.
        return [image for name in names if (image := self._inspect_one(name)) is not None]

    def _inspect_one(self, name: str) -> EngineImage | None:
        try:
            found = json.loads(self.ask(["image", "inspect", name]))
        except DockerRefused:
            return None
        return _describe(found[0]) if found else None


def _read_first_file(archive: bytes) -> bytes | None:
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as files:
            member = files.next()
            file = files.extractfile(member) if member and member.isfile() else None
            return file.read() if file else None
    except (tarfile.TarError, OSError):
        return None


def explain_refusal(lines: Sequence[str]) -> CommandFailed:
    """Return the error that a client's last lines stand for: DockerUnavailable or DockerRefused."""
    if any(_FORBIDDEN.search(line) for line in lines):
        reason = "the Image Builder may not use the Docker engine; put its user into the group of the engine's socket"
        return DockerUnavailable(reason, lines)
    if is_about_absence(lines):
        reason = (
            "the Docker engine does not answer; start it, or correct DOCKER_HOST, and deploy again"
        )
        return DockerUnavailable(reason, lines)
    return DockerRefused("the Docker engine refused", lines)


def is_about_absence(lines: Sequence[str]) -> bool:
    """Return whether a client's last lines say that no engine answers."""
    return any(_AWAY.search(line) for line in lines)


def _describe(content: Mapping[str, Any]) -> EngineImage:
    moments = (content.get("Created"), (content.get("Metadata") or {}).get("LastTagTime"))
    return EngineImage(
        id=content["Id"],
        names=content.get("RepoTags") or [],
        labels=(content.get("Config") or {}).get("Labels") or {},
        # An image without a known age counts as new, so that it is not removed.
        changed_at=max(
            (_parse_moment(str(moment)) for moment in moments if moment), default=_NEVER
        ),
    )


def _parse_moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
