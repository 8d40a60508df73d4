"""Tracebacks for the author of a job: from the job's own code on, and never longer than a page."""

import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

_WRAPPER = str(Path(__file__).parents[1])
_MOST_FRAMES = 30
_MOST_CAUSES = 4
_MOST_CHARACTERS = 8_000
_CAUSE = "\nThe above exception was the direct cause of the following exception:\n\n"
_CONTEXT = "\nDuring handling of the above exception, another exception occurred:\n\n"


def find_own_frames(trace: TracebackType | None) -> TracebackType | None:
    """Return the traceback from the job's own code on: without the frames of the wrapper, and of servers, that called it."""
    frames = list(_walk(trace))
    own = (each for each in frames if _is_own(_read_file_name(each)))
    foreign = (each for each in frames if not _is_wrapping(_read_file_name(each)))
    return next(own, None) or next(foreign, None)


def summarize_error(error: BaseException) -> str:
    """Return the class and the message of an exception in one line, whatever the exception is."""
    try:
        text = " ".join(str(error).split())
    except Exception:  # noqa: BLE001 - the exception is the job's
        text = "(its message can't be read)"
    kind = type(error).__name__
    return _shorten(f"{kind}: {text}" if text else kind)


def format_traceback(error: BaseException, trace: TracebackType | None) -> str:
    """Return the traceback of an exception and of its causes, with source lines and without what repeats itself."""
    try:
        described = traceback.TracebackException(type(error), error, trace, compact=True)
        return shorten_paths("".join(_format_chain(described)).rstrip("\n"))
    except Exception:  # noqa: BLE001 - the exception is the job's, and may lack what exceptions have
        return summarize_error(error)


def shorten_paths(text: str) -> str:
    """Return the text with paths in the job's directory, and in its environment, relative to these."""
    for directory in (str(Path.cwd()), sys.prefix):
        if directory != "/":
            text = text.replace(f"{directory}/", "")
    return text


def _walk(trace: TracebackType | None) -> Iterator[TracebackType]:
    while trace is not None:
        yield trace
        trace = trace.tb_next


def _read_file_name(trace: TracebackType) -> str:
    return trace.tb_frame.f_code.co_filename


def _is_own(file_name: str) -> bool:
    is_here = not file_name.startswith("<") and Path(file_name).absolute().is_relative_to(
        Path.cwd()
    )
    return is_here and not _is_wrapping(file_name) and "/site-packages/" not in file_name


def _is_wrapping(file_name: str) -> bool:
    return file_name.startswith((f"{_WRAPPER}/", "<frozen importlib"))


def _format_chain(error: traceback.TracebackException) -> Iterator[str]:
    chain = [error]
    while len(chain) < _MOST_CAUSES and (before := _find_cause(chain[-1])):
        chain.append(before)
    for each in reversed(chain):
        yield from _format_alone(each)
        if each is not error:
            yield _CAUSE if _is_cause_of_next(each, chain) else _CONTEXT


def _find_cause(error: traceback.TracebackException) -> traceback.TracebackException | None:
    if error.__cause__ or error.__suppress_context__:
        return error.__cause__
    return error.__context__


def _is_cause_of_next(
    error: traceback.TracebackException, chain: list[traceback.TracebackException]
) -> bool:
    return any(each.__cause__ is error for each in chain)


def _format_alone(error: traceback.TracebackException) -> Iterator[str]:
    frames = error.stack.format()
    if len(frames) > _MOST_FRAMES:
        half = _MOST_FRAMES // 2
        frames[half:-half] = [f"  … {len(frames) - 2 * half} frames are left out …\n"]
    if frames:
        yield "Traceback (most recent call last):\n"
        yield from frames
    yield from map(_shorten, error.format_exception_only())
    # Python 3.10 has no groups of exceptions.
    for inner in getattr(error, "exceptions", None) or ():
        yield from (f"  | {line}\n" for text in _format_chain(inner) for line in text.splitlines())


def _shorten(text: str) -> str:
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}…\n"
