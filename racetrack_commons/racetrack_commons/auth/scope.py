"""What a permission allows, and what kinds of subject hold one."""

from enum import StrEnum

from racetrack_client.entities import AuthScope

__all__ = ["AuthScope", "AuthSubjectType"]


class AuthSubjectType(StrEnum):
    """Who may hold a token."""

    USER = "user"
    ESC = "esc"
    """An external service consumer."""
    JOB_FAMILY = "job_family"
    INTERNAL = "internal"
    """A service of the platform; its tokens are known by their signature alone."""
