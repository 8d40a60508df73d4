"""Rows of the database, one file per subject; importing this registers them in the metadata."""

from lifecycle.database.tables.async_call import AsyncJobCallLeaseRow, AsyncJobCallRow
from lifecycle.database.tables.audit import AuditLogEventRow
from lifecycle.database.tables.auth import AuthSubjectRow, AuthTokenRow, PermissionRow
from lifecycle.database.tables.base import Base
from lifecycle.database.tables.bundle import SourceBundleRow
from lifecycle.database.tables.change import ChangeRow
from lifecycle.database.tables.deployment import DeploymentRow, DeploymentTaskRow
from lifecycle.database.tables.esc import EscRow
from lifecycle.database.tables.instance import InstanceSpecRow, JobInstanceRow
from lifecycle.database.tables.job import JobFamilyRow, JobRow, PublicEndpointRow, TrashJobRow
from lifecycle.database.tables.login import LoginAttemptRow
from lifecycle.database.tables.process import JobProcessRow
from lifecycle.database.tables.secret import JobSecretRow
from lifecycle.database.tables.setting import SettingRow
from lifecycle.database.tables.user import UserRow

__all__ = [
    "AsyncJobCallLeaseRow",
    "AsyncJobCallRow",
    "AuditLogEventRow",
    "AuthSubjectRow",
    "AuthTokenRow",
    "Base",
    "ChangeRow",
    "DeploymentRow",
    "DeploymentTaskRow",
    "EscRow",
    "InstanceSpecRow",
    "JobFamilyRow",
    "JobInstanceRow",
    "JobProcessRow",
    "JobRow",
    "JobSecretRow",
    "LoginAttemptRow",
    "PermissionRow",
    "PublicEndpointRow",
    "SettingRow",
    "SourceBundleRow",
    "TrashJobRow",
    "UserRow",
]
