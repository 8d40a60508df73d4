"""The tables of the database, a few to a file; importing this package registers them in the metadata."""

from lifecycle.database.tables.auth import (
    AuthSubjectRow,
    AuthTokenRow,
    EscRow,
    LoginAttemptRow,
    PermissionRow,
    UserRow,
)
from lifecycle.database.tables.base import Base
from lifecycle.database.tables.deployment import (
    DeploymentRow,
    DeploymentTaskRow,
    InstanceSpecRow,
    JobInstanceRow,
    JobProcessRow,
    SourceBundleRow,
)
from lifecycle.database.tables.installation import AuditLogEventRow, ChangeRow, SettingRow
from lifecycle.database.tables.job import (
    AsyncJobCallLeaseRow,
    AsyncJobCallRow,
    JobFamilyRow,
    JobRow,
    JobSecretRow,
    PublicEndpointRow,
    TrashJobRow,
)

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
