"""The error for callers without permission. Jobs import this module: its names are frozen."""


class UnauthorizedError(Exception):
    """A caller without permission; the answer has status 401."""

    def __init__(self, cause: str, details: str | None = None) -> None:
        super().__init__(f"{cause}: {details}" if details else cause)
