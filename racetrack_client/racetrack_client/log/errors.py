"""Errors that a caller can cause; `racetrack_commons.api.errors` maps them to statuses."""


class ValidationError(ValueError):
    """What was given is wrong; the message says what, and what to do."""


class UnauthorizedError(Exception):
    """The caller is not known, or may not do this."""


class EntityNotFound(Exception):
    """What was asked for is not there."""


class AlreadyExists(Exception):
    """What was to be created is there already, or being created."""


class ServiceUnavailable(Exception):
    """The service can't do this now; the same call may work later."""


class TooManyRequests(Exception):
    """The caller asks too often; the same call may work after `retry_after_seconds`."""

    def __init__(self, message: str, retry_after_seconds: float) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds
