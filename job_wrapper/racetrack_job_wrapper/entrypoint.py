"""The optional base class of jobs."""

from collections.abc import Callable
from typing import Any


class JobEntrypoint:
    """A job: one object, made at the start; `perform` answers the calls. Every method but `perform` is optional."""

    def perform(self, *args: Any, **kwargs: Any) -> Any:
        """Answer one call; the body's keys are the arguments."""
        raise NotImplementedError

    def docs_input_example(self) -> dict[str, Any]:
        """Return an example payload for the documentation; the platform calls it before a version goes live."""
        return {}

    def auxiliary_endpoints(self) -> dict[str, Callable[..., Any]]:
        """Return further endpoints: path to method."""
        return {}

    def metrics(self) -> list[dict[str, Any]]:
        """Return gauges of the job's own: `name`, `value`, and perhaps `description` and `labels`."""
        return []
