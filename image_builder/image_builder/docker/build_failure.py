"""Finding the reason of a failed build in the output of Docker's client."""

import re
from collections.abc import Sequence

from image_builder.docker.docker_cli import explain_refusal, is_about_absence
from image_builder.running.programs import CommandFailed, CommandTookTooLong
from image_builder.source.install_hints import describe_hint

_MOST_LINES = 15
_LAST_WORDS = 3
_LONGEST_STEP = 200
_KILLED = "exit code 137"
_PREFIX = re.compile(r"^(ERROR: )?(failed to (build|solve|compute cache key): )*")
_STEP = re.compile(
    r'process "(?:/bin/sh -c )?(?P<step>.+)" did not complete successfully: (?P<how>.+)'
)
_CLASSIC_STEP = re.compile(
    r"The command '(?:/bin/sh -c )?(?P<step>.+)' returned a non-zero code: (?P<code>\d+)"
)
_FAILED_VERTEX = re.compile(r"^#(?P<number>\d+) ERROR: ")
_PLACE = re.compile(r"^(?P<file>\S+):(?P<line>\d+)$")
_CLASSIC_START = re.compile(r"^Step \d+/\d+ : ")
_CLASSIC_NOISE = re.compile(r"^ ---> |^Removing intermediate container ")

_MISSING_FILE = re.compile(
    r'checksum of ref \S+: "/?(?P<name>[^"]+)": not found|stat (?P<other>\S+): file does not'
)
_HINTS = (
    (
        re.compile(r"no such host|i/o timeout|connection refused|TLS handshake", re.IGNORECASE),
        "the Docker engine can't reach the registry of a base image; check the network, or load the image beforehand",
    ),
    (
        re.compile(r"pull access denied|manifest unknown|manifest for .+ not found|: not found$", re.IGNORECASE),
        "check the name of the base image, and that the engine may pull it",
    ),
    (re.compile(r"no space left on device", re.IGNORECASE), "free disk space on the engine's machine"),
    (
        re.compile(r"(--mount option|heredoc|--chmod).*BuildKit|unknown flag: mount", re.IGNORECASE),
        "the Image Builder's Docker client has no BuildKit; install its buildx plugin",
    ),
)  # fmt: skip


class ImageNotBuilt(CommandFailed):
    """The build of an image failed; the message holds the failed step and a hint."""


def explain_failure(error: CommandFailed) -> CommandFailed:
    """Return a short error: the step that failed, what to do about it, and the end of the step's output."""
    lines = [line.rstrip() for line in error.last_lines if line.strip()]
    if is_about_absence(lines[-_LAST_WORDS:]):
        return explain_refusal(lines[-_LAST_WORDS:])
    if isinstance(error, CommandTookTooLong) or not lines:
        return ImageNotBuilt(error.reason, lines[-_MOST_LINES:])
    output = _list_step_output(lines)
    reason = "; ".join(filter(None, [_describe_reason(lines), describe_hint(output)]))
    return ImageNotBuilt(reason, output[-_MOST_LINES:])


def _describe_reason(lines: Sequence[str]) -> str:
    last = _PREFIX.sub("", lines[-1])
    place = _describe_place(lines)
    if match := _CLASSIC_STEP.search(last):
        return _describe_step(match["step"], "", f"exit code {match['code']}")
    if match := _STEP.search(last):
        return _describe_step(match["step"], place, match["how"].replace("exit code:", "exit code"))
    if match := _MISSING_FILE.search(last):
        name = match["name"] or match["other"]
        return f"{name!r}, which a COPY{place} needs, is not in the build context; do .gitignore or .dockerignore leave it out?"
    hints = [hint for pattern, hint in _HINTS if pattern.search(last)]
    return "; ".join([f"{last}{place}", *hints[:1]])


def _describe_step(step: str, place: str, how: str) -> str:
    shown = step if len(step) <= _LONGEST_STEP else f"{step[:_LONGEST_STEP]}…"
    killed = "; it was killed: is there enough memory for the build?" if how == _KILLED else ""
    return f"the step `{shown}`{place} ended with {how}{killed}"


def _describe_place(lines: Sequence[str]) -> str:
    places = [match for line in lines if (match := _PLACE.match(line))]
    return f" (line {places[-1]['line']} of {places[-1]['file']})" if places else ""


def _list_step_output(lines: Sequence[str]) -> list[str]:
    """Return the output of the step that failed."""
    failed = [match["number"] for line in lines if (match := _FAILED_VERTEX.match(line))]
    if failed:
        printed = re.compile(rf"^#{failed[-1]} \d+\.\d+ ")
        return [printed.sub("", line) for line in lines if printed.match(line)]
    starts = [number for number, line in enumerate(lines) if _CLASSIC_START.match(line)]
    after = lines[starts[-1] + 1 : -1] if starts else []
    return [line for line in after if not _CLASSIC_NOISE.match(line)]
