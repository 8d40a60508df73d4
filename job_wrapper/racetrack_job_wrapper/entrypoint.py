"""The optional base class of jobs. Jobs import this module: its names are frozen."""

from collections.abc import Callable
from typing import Any


class JobEntrypoint:
    """A job: one object, made when the job starts. All methods except `perform` are optional."""

    def perform(self, *args: Any, **kwargs: Any) -> Any:
        """Return the answer to one call; the keys of its JSON body are the arguments."""
        raise NotImplementedError

    def docs_input_example(self) -> dict[str, Any]:
        """Return an example payload, for the documentation and for the platform's trial call before a version goes live."""
        return {}

    def auxiliary_endpoints(self) -> dict[str, Callable[..., Any]]:
        """Return further endpoints: a method for each path."""
        return {}

    def metrics(self) -> list[dict[str, Any]]:
        """Return the job's own gauges: `name`, `value`, and optionally `description` and `labels`."""
        return []
