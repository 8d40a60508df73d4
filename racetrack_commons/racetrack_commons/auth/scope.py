"""What a permission allows, and what kinds of subject hold one."""

from enum import StrEnum


class AuthScope(StrEnum):
    """What a permission allows."""

    READ_JOB = "read_job"
    DEPLOY_JOB = "deploy_job"
    DEPLOY_NEW_FAMILY = "deploy_new_family"
    DELETE_JOB = "delete_job"
    CALL_JOB = "call_job"
    CALL_ADMIN_API = "call_admin_api"
    FULL_ACCESS = "full_access"
    """Stands for every other scope."""


class AuthSubjectType(StrEnum):
    """Who may hold a token."""

    USER = "user"
    ESC = "esc"
    """An external service consumer."""
    JOB_FAMILY = "job_family"
    INTERNAL = "internal"
    """A service of the platform; its tokens are known by their signature alone."""
