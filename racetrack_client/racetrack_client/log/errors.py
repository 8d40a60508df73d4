"""Errors that a caller can cause; `racetrack_commons.api.errors` maps them to statuses.

Plugins import this module: its names are frozen (docs/plugins.md).
"""


class ValidationError(ValueError):
    """The input is wrong; the message says what is wrong and what to do."""


class UnauthorizedError(Exception):
    """The caller is unknown, or lacks the permission."""


class EntityNotFound(Exception):
    """The requested entity does not exist."""


class AlreadyExists(Exception):
    """The entity to create exists already, or is being created."""


class ServiceUnavailable(Exception):
    """The service can't do this now; the same call may succeed later."""


class DiskFull(ServiceUnavailable):
    """A disk of the platform is full, or nearly; the same call succeeds once there is space again."""


class TooManyRequests(Exception):
    """The caller sends too many requests; the same call may succeed after `retry_after_seconds`."""

    def __init__(self, message: str, retry_after_seconds: float) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds
