"""The rows of tables of deployments: what began them, how far they are, and why they failed."""

from typing import Any

from dashboard.components.failure import split_failure
from dashboard.components.marks import STATUS_CELL, choose_kind, make_time_cell
from dashboard.components.server_table import Row, TableColumn
from dashboard.pages.deployments.phases import describe_steps
from dashboard.visit import make_path

_KINDS = {
    "deploy": "Deployment",
    "redeploy": "Redeployment",
    "reprovision": "Reprovisioning",
    "move": "Move",
    "rollback": "Rollback",
    "restart": "Restart",
    "build": "Build",
}
"""The names of deployments by what began them."""
_NAME_CELL = """<a :href="props.row.href">{{ props.row.deployment }}</a>"""
_STATE_CELL = f"""{STATUS_CELL} <span class="rt-soft">{{{{ props.row.note }}}}</span>
<time v-if="props.row.phase_begun" class="rt-elapsed rt-soft" :data-from="props.row.phase_begun" data-to="0"></time>
<div v-if="props.row.cause" class="rt-wrap rt-cause">{{{{ props.row.cause }}}}</div>"""
_ELAPSED_CELL = """<time class="rt-elapsed" :data-from="props.row.begun" :data-to="props.row.ended"></time>
<div v-if="props.row.steps" class="rt-wrap rt-soft rt-steps-took">{{ props.row.steps }}</div>"""
DEPLOYMENT_COLUMNS = [
    TableColumn("deployment", "Deployment", template=_NAME_CELL),
    TableColumn("status", "Status", template=_STATE_CELL),
    TableColumn("by", "By", is_for_wide_screens=True),
    TableColumn("begun", "Begun", template=make_time_cell("begun")),
    TableColumn("took", "Took", template=_ELAPSED_CELL, is_for_wide_screens=True),
]


def name_kind(deployment: dict[str, Any]) -> str:
    """Return the name of a deployment's kind."""
    kind = str(deployment.get("kind") or "deploy")
    return _KINDS.get(kind, kind.capitalize())


def make_deployment_row(deployment: dict[str, Any]) -> Row:
    """Return the row of a deployment."""
    is_running = deployment["status"] == "in_progress"
    status = "cancelled" if deployment["is_cancelled"] else deployment["status"]
    note = deployment["phase"] or "submitted" if is_running else ""
    phases = deployment["phases"] if is_running else []
    return {
        "id": deployment["id"],
        "href": make_path("deployments", deployment["id"]),
        "deployment": name_kind(deployment),
        "label": f"{name_kind(deployment).lower()} by {deployment['deployed_by']}",
        "status": status.replace("_", " "),
        "status_kind": choose_kind(status),
        "note": "serves now" if deployment["is_serving"] else note,
        "cause": split_failure(deployment["error"] or "").cause,
        "by": deployment["deployed_by"] or "",
        "begun": deployment["create_time"],
        "phase_begun": phases[-1]["begin_time"] if phases else 0,
        "steps": describe_steps(deployment),
        "ended": 0 if is_running else deployment["update_time"],
        "is_restorable": deployment["is_restorable"] and not deployment["is_serving"],
    }
