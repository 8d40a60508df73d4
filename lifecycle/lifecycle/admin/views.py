"""All views of the panel, in the order of its menu."""

from lifecycle.admin.audited import AuditedView
from lifecycle.admin.people import AuthSubjectView, AuthTokenView, PermissionView, UserView
from lifecycle.admin.registry import (
    AsyncJobCallView,
    AuditLogEventView,
    DeploymentView,
    EscView,
    JobFamilyView,
    JobView,
    PublicEndpointView,
    SettingView,
    TrashJobView,
)
from lifecycle.database.tables import (
    AsyncJobCallRow,
    AuditLogEventRow,
    AuthSubjectRow,
    AuthTokenRow,
    Base,
    DeploymentRow,
    EscRow,
    JobFamilyRow,
    JobRow,
    PermissionRow,
    PublicEndpointRow,
    SettingRow,
    TrashJobRow,
    UserRow,
)
from lifecycle.endpoints.dependencies import LifecycleServices

_VIEWS: tuple[tuple[type[AuditedView], type[Base]], ...] = (
    (JobView, JobRow),
    (JobFamilyView, JobFamilyRow),
    (DeploymentView, DeploymentRow),
    (PublicEndpointView, PublicEndpointRow),
    (TrashJobView, TrashJobRow),
    (AsyncJobCallView, AsyncJobCallRow),
    (UserView, UserRow),
    (EscView, EscRow),
    (AuthSubjectView, AuthSubjectRow),
    (AuthTokenView, AuthTokenRow),
    (PermissionView, PermissionRow),
    (SettingView, SettingRow),
    (AuditLogEventView, AuditLogEventRow),
)


def make_views(services: LifecycleServices) -> list[AuditedView]:
    """Make a view of each table that people may see."""
    return [view(row, services) for view, row in _VIEWS]
