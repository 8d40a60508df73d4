"""What a permission allows."""

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
