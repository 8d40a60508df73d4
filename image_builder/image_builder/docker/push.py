"""Pushing images to the registry, and explaining its refusals."""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

from image_builder.docker.docker_cli import DockerCli, explain_refusal, is_about_absence
from image_builder.metrics import BuilderMetrics
from image_builder.running.programs import CommandFailed
from image_builder.running.progress import BuildProgress

_DENIED = re.compile(
    r"unauthorized|authentication required|denied|no basic auth|\b401\b|\b403\b", re.IGNORECASE
)
_PLAIN_HTTP = re.compile(r"server gave HTTP response to HTTPS client", re.IGNORECASE)
_UNREACHABLE = re.compile(
    r"connection refused|no such host|i/o timeout|network is unreachable|no route to host|TLS handshake timeout"
    r"|context deadline exceeded|EOF$",
    re.IGNORECASE,
)


class ImageNotPushed(CommandFailed):
    """The registry did not accept an image."""


@dataclass(frozen=True)
class RegistryPusher:
    """Pushes images from the engine to one registry; the credentials are those of `docker login`."""

    docker: DockerCli
    registry: str
    metrics: BuilderMetrics
    timeout_seconds: float

    def push(self, name: str, progress: BuildProgress) -> None:
        """Push an image; raises ImageNotPushed, which says why and what to do, or DockerUnavailable."""
        start = time.monotonic()
        command = self.docker.make_command(["push", name], timeout_seconds=self.timeout_seconds)
        try:
            progress.run_command(command)
        except CommandFailed as error:
            raise self._explain(name, error) from error
        self.metrics.images_pushed.inc()
        self.metrics.images_pushed_duration.inc(time.monotonic() - start)

    def _explain(self, name: str, error: CommandFailed) -> CommandFailed:
        lines = error.last_lines[-1:]
        if is_about_absence(lines):
            return explain_refusal(lines)
        cause = describe_push_refusal(
            self.registry,
            lines,
            "the Docker engine",
            "name it in the engine's `insecure-registries`",
        )
        return ImageNotPushed(f"{name} can't be pushed: {cause}", lines)


def describe_push_refusal(
    registry: str, lines: Sequence[str], pusher: str, advice_on_http: str
) -> str:
    """Return why a registry did not take an image, and what to do; `pusher` is the program that pushed it."""
    text = "\n".join(lines)
    if _DENIED.search(text):
        return (
            f"the registry {registry} refuses the credentials of the Image Builder, or has none; "
            f"run `docker login {registry}` for its user, or mount a config.json"
        )
    if _PLAIN_HTTP.search(text):
        return (
            f"the registry {registry} speaks HTTP only; give it a certificate, or {advice_on_http}"
        )
    if _UNREACHABLE.search(text):
        return f"the registry {registry} does not answer {pusher}; start it, or correct DOCKER_REGISTRY"
    return "the registry refuses it"
