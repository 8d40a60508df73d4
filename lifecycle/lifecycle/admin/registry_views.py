"""Views of jobs, deployments, ESCs, public endpoints, async calls, settings and the audit log."""

from typing import Any

from racetrack_client.utils.terminal import make_safe
from racetrack_commons.entities.dto import ChangeKind
from starlette.requests import Request
from starlette_admin import RequestAction
from starlette_admin.fields import (
    BaseField,
    BooleanField,
    DateTimeField,
    FloatField,
    HasOne,
    IntegerField,
    JSONField,
    StringField,
    TextAreaField,
)

from lifecycle.admin.audited_view import NEVER, AuditedView, EditableView, ViewNames
from lifecycle.database.tables.auth import EscRow
from lifecycle.database.tables.deployment import DeploymentRow
from lifecycle.database.tables.installation import AuditLogEventRow, SettingRow
from lifecycle.database.tables.job import (
    AsyncJobCallRow,
    JobFamilyRow,
    JobRow,
    PublicEndpointRow,
    TrashJobRow,
)
from lifecycle.endpoints.presenting import make_pub_url


def _show_safely(_request: Request, value: Any) -> Any:
    """Return a value of jobs and callers without characters that would reorder or hide text of the page."""
    return make_safe(value) if isinstance(value, str) else value


_SAFE: dict[RequestAction, Any] = {
    RequestAction.LIST: _show_safely,
    RequestAction.DETAIL: _show_safely,
}


def _shown(*names: str, kind: type[BaseField] = StringField, **options: Any) -> list[BaseField]:
    if kind in (StringField, TextAreaField):
        options = {"formatter": _SAFE, **options}
    return [kind(name, read_only=True, **options) for name in names]


class JobFamilyView(AuditedView):
    """Job families."""

    row = JobFamilyRow
    names = ViewNames("job-family", menu="Job families", row="Job family", icon="layer-group")
    fields = (StringField("id", exclude_from_list=True), StringField("name"))
    fields_default_sort = ("name",)

    async def repr(self, obj: JobFamilyRow, request: Request) -> str:  # noqa: ARG002
        """Return the text that stands for a family in other views."""
        return obj.name


class JobView(AuditedView):
    """Jobs. Deployments create and delete them; only the manifest and the notice can be changed here."""

    row = JobRow
    names = ViewNames("job", menu="Jobs", row="Job", icon="cube")
    change_kind = ChangeKind.JOB
    may_edit = True
    fields = (
        *_shown("name", "version", "status", "deployed_by", "infrastructure_target"),
        *_shown("update_time", kind=DateTimeField),
        *_shown("last_call_time", kind=DateTimeField, null_template=NEVER),
        *_shown("id", "image_tag", "job_type_version", "internal_name", "error", exclude_from_list=True),
        TextAreaField("manifest", help_text="counts from the next redeploy on", exclude_from_list=True, rows=20),
        TextAreaField("notice", exclude_from_list=True),
    )  # fmt: skip
    searchable_fields = ("name", "version", "status", "deployed_by")
    fields_default_sort = (("update_time", True),)

    @property
    def pub_url(self) -> str:
        """The address below which jobs are called, for the link to the job."""
        return make_pub_url(self.services.config)

    async def repr(self, obj: JobRow, request: Request) -> str:  # noqa: ARG002
        """Return the text that stands for a job in other views."""
        return f"{obj.name} {obj.version}"


class DeploymentView(AuditedView):
    """Deployments."""

    row = DeploymentRow
    names = ViewNames("deployment", menu="Deployments", row="Deployment", icon="rocket")
    fields = (
        *_shown("id", "job_name", "job_version", "status", "phase", "deployed_by"),
        *_shown("create_time", "update_time", kind=DateTimeField),
        *_shown("infrastructure_target", "image_name", exclude_from_list=True),
        *_shown("error", "warnings", "build_logs", "manifest", kind=TextAreaField, exclude_from_list=True),
    )  # fmt: skip
    searchable_fields = ("id", "job_name", "job_version", "status", "deployed_by")
    fields_default_sort = (("create_time", True),)


class EscView(EditableView):
    """External service consumers."""

    row = EscRow
    names = ViewNames("esc", menu="ESCs", row="ESC", icon="plug")
    fields = (StringField("id", read_only=True), StringField("name", required=True))
    searchable_fields = ("id", "name")


class PublicEndpointView(EditableView):
    """Requests of manifests that endpoints be callable without a token; staff activates them."""

    row = PublicEndpointRow
    names = ViewNames(
        "public-endpoint", menu="Public endpoints", row="Public endpoint", icon="globe"
    )
    fields = (
        HasOne("job", key="job", required=True),
        StringField("endpoint", required=True),
        BooleanField("active"),
    )
    searchable_fields = ("endpoint",)
    sortable_fields = ("endpoint", "active")


class TrashJobView(AuditedView):
    """Deleted jobs; each reserves its name and version until its row is removed, and is deployed again by --force."""

    row = TrashJobRow
    names = ViewNames("trash-job", menu="Trash", row="Deleted job", icon="trash")
    may_delete = True
    fields = (
        *_shown("name", "version"),
        *_shown("status", label="Status before it was deleted"),
        *_shown("deployed_by"),
        *_shown("delete_time", kind=DateTimeField),
        *_shown("age_days", kind=FloatField),
        *_shown("id", "infrastructure_target", "image_tag", exclude_from_list=True),
        *_shown("manifest", "error", kind=TextAreaField, exclude_from_list=True),
    )
    searchable_fields = ("name", "version", "status", "deployed_by")
    fields_default_sort = (("delete_time", True),)


class AuditLogEventView(AuditedView):
    """The audit log, which can't be changed."""

    row = AuditLogEventRow
    names = ViewNames(
        "audit-log-event", menu="Audit log", row="Audit log event", icon="clock-rotate-left"
    )
    fields = (
        *_shown("timestamp", kind=DateTimeField),
        *_shown("event_type", "username_executor", "username_subject", "job_name", "job_version"),
        *_shown("properties", kind=TextAreaField, exclude_from_list=True),
        *_shown("id", exclude_from_list=True),
    )
    searchable_fields = ("event_type", "username_executor", "job_name", "job_version")
    fields_default_sort = (("timestamp", True),)


class SettingView(EditableView):
    """Settings of the whole installation, such as maintenance_mode."""

    row = SettingRow
    names = ViewNames("setting", menu="Settings", row="Setting", icon="sliders")
    show_pk_in_forms = True
    fields = (
        StringField("name", required=True),
        JSONField("value", help_text="`maintenance_mode` is on when this is `true`"),
    )
    searchable_fields = ("name",)
    sortable_fields = ("name",)


class AsyncJobCallView(AuditedView):
    """Async calls."""

    row = AsyncJobCallRow
    names = ViewNames("async-job-call", menu="Async calls", row="Async call", icon="hourglass-half")
    may_delete = True
    fields = (
        *_shown("id", "status", "job_name", "job_version", "job_path"),
        *_shown("started_at", "ended_at", kind=DateTimeField),
        *_shown("attempts", "response_status_code", kind=IntegerField, exclude_from_list=True),
        *_shown("error", kind=TextAreaField, exclude_from_list=True),
    )
    searchable_fields = ("id", "status", "job_name")
    fields_default_sort = (("started_at", True),)
