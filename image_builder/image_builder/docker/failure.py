"""What of a failed build's output tells why it failed."""

import re
from collections.abc import Sequence

from image_builder.build.command import CommandFailed
from image_builder.docker.engine import explain_refusal, is_about_absence

_MOST_LINES = 15
_SOLVE = re.compile(r"^ERROR: (?:failed to (?:build|solve): )*(?:failed to solve: )?(?P<what>.+)$")
_STEP = re.compile(
    r'process "(?:/bin/sh -c )?(?P<step>.+)" did not complete successfully: (?P<how>.+)'
)
_CLASSIC_STEP = re.compile(
    r"The command '(?:/bin/sh -c )?(?P<step>.+)' returned a non-zero code: (?P<code>\d+)"
)
_RULE = re.compile(r"^-{6}$")
_TIMESTAMP = re.compile(r"^(#\d+ )?\d+\.\d+ ")


class ImageNotBuilt(CommandFailed):
    """The build of an image failed."""


def explain_failure(error: CommandFailed) -> CommandFailed:
    """Return the failure in short: the step, how it ended, and the end of what it printed."""
    lines = [line.rstrip() for line in error.last_lines]
    if is_about_absence(lines):
        return explain_refusal(lines[-3:])
    reason, evidence = _find_reason(lines), _find_evidence(lines)
    if reason is None:
        return ImageNotBuilt(f"the image can't be built; {error.reason}", lines[-_MOST_LINES:])
    return ImageNotBuilt(reason, evidence[-_MOST_LINES:])


def _find_reason(lines: Sequence[str]) -> str | None:
    for line in reversed(lines):
        if match := _CLASSIC_STEP.search(line):
            return f"the step `{match['step']}` ended with exit code {match['code']}"
        if match := _SOLVE.match(line):
            step = _STEP.search(match["what"])
            return f"the step `{step['step']}` ended with {step['how']}" if step else match["what"]
    return None


def _find_evidence(lines: Sequence[str]) -> list[str]:
    """Return what the failed step printed: BuildKit repeats it between two rules, classic builds end with it."""
    rules = [number for number, line in enumerate(lines) if _RULE.match(line)]
    if len(rules) >= 2:
        begin, end = rules[-2:]
        return [_TIMESTAMP.sub("", line) for line in lines[begin + 2 : end]]
    return [line for line in lines[:-1] if not line.startswith("#")]
