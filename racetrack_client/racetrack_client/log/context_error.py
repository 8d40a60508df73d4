"""Says what was being done when an error happened, without hiding the error."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

E = TypeVar("E", bound=BaseException)


class ContextError(RuntimeError):
    """What was being done; `__cause__` is what went wrong."""

    def __init__(self, context: str, cause: BaseException | None = None) -> None:
        super().__init__(context)
        self.context = context
        self.__cause__ = cause

    def __str__(self) -> str:
        if self.__cause__ is None:
            return self.context
        return f"{self.context}: {describe_error(self.__cause__)}"


def describe_error(error: BaseException) -> str:
    """What an error says, or its class when it says nothing useful by itself."""
    text = str(error)
    if not text:
        return type(error).__name__
    # The text of a KeyError is only the key.
    return f"KeyError: {text}" if isinstance(error, KeyError) else text


def find_root_cause(error: BaseException) -> BaseException:
    """The error at the bottom of all contexts."""
    while isinstance(error, ContextError) and error.__cause__ is not None:
        error = error.__cause__
    return error


def find_cause(error: BaseException, *types: type[E]) -> E | None:
    """Return the first of the error and its causes that is of one of the types, None when there is none."""
    return next((cause for cause in walk_causes(error) if isinstance(cause, types)), None)


def walk_causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the error, its cause, the cause of that, and so on."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__


@contextmanager
def wrap_context(context: str) -> Iterator[None]:
    """Add what is being done to every error raised inside; it stays there as `__cause__`."""
    try:
        yield
    except Exception as e:
        raise ContextError(context, e) from e
