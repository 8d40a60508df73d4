"""The audit log, as Lifecycle writes it and the dashboard filters it."""

from enum import StrEnum


class AuditEventType(StrEnum):
    """The kinds of actions that the audit log records."""

    JOB_DEPLOYED = "job_deployed"
    JOB_REDEPLOYED = "job_redeployed"
    JOB_DELETED = "job_deleted"
    JOB_MOVED = "job_moved"
    JOB_ROLLED_BACK = "job_rolled_back"
    LATEST_MOVED = "latest_moved"
    MANIFEST_EDITED = "manifest_edited"
    SECRETS_LEFT_OUT = "secrets_left_out"
    MAINTENANCE_BEGUN = "maintenance_begun"
    MAINTENANCE_ENDED = "maintenance_ended"
    DEPLOYMENT_FAILED = "deployment_failed"
    DEPLOYMENT_CANCELLED = "deployment_cancelled"
    PLUGIN_INSTALLED = "plugin_installed"
    PLUGIN_UNINSTALLED = "plugin_uninstalled"
    PLUGIN_CONFIGURED = "plugin_configured"
    USER_REGISTERED = "user_registered"
    USER_ADDED = "user_added"
    USER_LOGGED_IN = "user_logged_in"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - what happened to one
    USER_CHANGED = "user_changed"
    TOKEN_CREATED = "token_created"  # noqa: S105
    TOKEN_REVOKED = "token_revoked"  # noqa: S105
    TOKENS_REGENERATED = "tokens_regenerated"
    ESC_CREATED = "esc_created"
    ESC_RENAMED = "esc_renamed"
    ESC_DELETED = "esc_deleted"
    PERMISSION_GRANTED = "permission_granted"
    PERMISSION_REVOKED = "permission_revoked"
    RECORD_CREATED = "record_created"
    RECORD_CHANGED = "record_changed"
    RECORD_DELETED = "record_deleted"
