"""Says what was being done when an error happened, without hiding the error."""

from collections.abc import Iterator
from contextlib import contextmanager


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


@contextmanager
def wrap_context(context: str) -> Iterator[None]:
    """Add what is being done to every error raised inside; it stays there as `__cause__`."""
    try:
        yield
    except Exception as e:
        raise ContextError(context, e) from e
