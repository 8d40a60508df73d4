"""The error for callers who may not do something."""


class UnauthorizedError(Exception):
    """Answered with 401."""

    def __init__(self, cause: str, details: str | None = None) -> None:
        super().__init__(f"{cause}: {details}" if details else cause)
