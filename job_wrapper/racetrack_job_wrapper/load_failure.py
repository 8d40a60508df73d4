"""Describing the failure of a job to load: the cause first, in terms of the job's own files, paths last."""

import traceback
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from racetrack_job_wrapper.advice import find_advice
from racetrack_job_wrapper.environment import JobEnvironment
from racetrack_job_wrapper.log.logs import error_text
from racetrack_job_wrapper.log.tracebacks import shorten_paths

_MOST_FRAMES = 20
"""A recursion without end has a thousand."""


def describe_load_failure(error: BaseException, environment: JobEnvironment) -> str:
    """Describe in one line why the job could not be loaded: the error and its line, advice, then the job's own frames."""
    try:
        return _describe(error, environment, Path.cwd())
    except BaseException:  # noqa: BLE001 - the exception is the job's, and may lack what exceptions have
        name = type(error).__name__
        return f"{error_text(error) or name}, cause={name}"


def _describe(error: BaseException, environment: JobEnvironment, directory: Path) -> str:
    chain = list(_list_causes(error))
    root, frames = (
        chain[-1],
        [frame for each in chain for frame in _list_own_frames(each, directory)],
    )
    text = shorten_paths(error_text(error)) or type(error).__name__
    if frames and not issubclass(type(error), SyntaxError):
        name, _, line = frames[-1].rpartition(":")
        text += f" ({name}, line {line})"
    if advice := next(
        (each for cause in chain if (each := _advise(cause, environment, directory))), None
    ):
        text += f": {advice}"
    if len(frames) > _MOST_FRAMES:
        frames[_MOST_FRAMES // 2 : -_MOST_FRAMES // 2] = ["…"]
    trace = f", traceback={', '.join(frames)}" if frames else ""
    return f"{text}, cause={type(root).__name__}{trace}"


def _list_causes(error: BaseException) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and all(each is not current for each in seen):
        yield current
        seen.append(current)
        # The exception is the job's, and may refuse to be asked for it as usual.
        current = BaseException.__getattribute__(current, "__cause__")


def _list_own_frames(error: BaseException, directory: Path) -> Iterator[str]:
    """Yield the places in the job's own files, relative to its directory, outermost first."""
    for frame, line in traceback.walk_tb(BaseException.__getattribute__(error, "__traceback__")):
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(directory) and "site-packages" not in path.parts:
            yield f"{path.relative_to(directory)}:{line}"


def _advise(error: BaseException, environment: JobEnvironment, directory: Path) -> str | None:
    with suppress(Exception):  # Its text may be one that can't be read.
        return find_advice(error, environment, directory)
    return None
