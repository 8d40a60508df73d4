"""Calling functions of plugins that were written for another version of Racetrack.

Plugins import this module: its names are frozen (docs/plugins.md).
"""

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from racetrack_client.log.logs import get_logger

logger = get_logger(__name__)

Result = TypeVar("Result")


def safe_call(function: Callable[..., Result], /, *args: Any, **kwargs: Any) -> Result:
    """Call a function with the arguments that it takes; log a warning about the others and leave them out."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:  # Functions written in C may have no signature.
        return function(*args, **kwargs)
    kept_args = args[: _count_positional(parameters, len(args))]
    kept_kwargs = kwargs
    if not any(each.kind is each.VAR_KEYWORD for each in parameters):
        names = {each.name for each in parameters if each.kind is not each.POSITIONAL_ONLY}
        kept_kwargs = {name: value for name, value in kwargs.items() if name in names}
    if len(kept_args) < len(args) or len(kept_kwargs) < len(kwargs):
        dropped = [*(f"#{n + 1}" for n in range(len(kept_args), len(args)))]
        dropped += sorted(set(kwargs) - set(kept_kwargs))
        name = getattr(function, "__qualname__", repr(function))
        logger.warning(f"{name} does not take the arguments: {', '.join(dropped)}")
    return function(*kept_args, **kept_kwargs)


def _count_positional(parameters: Any, given: int) -> int:
    if any(each.kind is each.VAR_POSITIONAL for each in parameters):
        return given
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(1 for each in parameters if each.kind in kinds)
