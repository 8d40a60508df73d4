"""Errors with a context: the action during which they happened; the original error remains the cause.

Plugins import this module: its names are frozen (docs/plugins.md).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

E = TypeVar("E", bound=BaseException)


class ContextError(RuntimeError):
    """An error during an action, which `context` names; `__cause__` is the original error."""

    def __init__(self, context: str, cause: BaseException | None = None) -> None:
        super().__init__(context)
        self.context = context
        self.__cause__ = cause

    def __str__(self) -> str:
        if self.__cause__ is None:
            return self.context
        return f"{self.context}: {describe_error(self.__cause__)}"


def describe_error(error: BaseException) -> str:
    """Return the message of an error, or its class when the message alone says too little."""
    text = str(error)
    if not text:
        return type(error).__name__
    # The message of a KeyError is only the key.
    return f"KeyError: {text}" if isinstance(error, KeyError) else text


def get_root_cause(error: BaseException) -> BaseException:
    """Return the original error below all contexts."""
    while isinstance(error, ContextError) and error.__cause__ is not None:
        error = error.__cause__
    return error


def find_cause(error: BaseException, *types: type[E]) -> E | None:
    """Return the first among the error and its causes that is an instance of one of the types, or None."""
    return next((cause for cause in walk_causes(error) if isinstance(cause, types)), None)


def walk_causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the error, its cause, the cause of that, and so on."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__


@contextmanager
def wrap_context(context: str) -> Iterator[None]:
    """Wrap every error raised inside in a ContextError, which names the action; the error is its `__cause__`."""
    try:
        yield
    except Exception as e:
        raise ContextError(context, e) from e
