"""The graph of job families and the callers that have permission to call them."""

from collections.abc import Iterable, Iterator
from enum import StrEnum

from pydantic import BaseModel
from racetrack_client.entities import AuthScope
from racetrack_commons.auth.token import AuthSubjectType
from racetrack_commons.entities.dto import JobDto

from lifecycle.database.unit_of_work import UnitOfWork
from lifecycle.domain.auth import AuthSubjectDto, EscDto, PermissionDto


class NodeType(StrEnum):
    """The kind of thing that a node stands for."""

    ESC = "esc"
    JOB_FAMILY = "job-family"


class GraphNode(BaseModel):
    """An ESC or a job family."""

    id: str
    type: NodeType
    title: str
    subtitle: str
    """Lines of text: the kind of the node, then its id, or its jobs with their addresses."""


class GraphEdge(BaseModel):
    """A permission of one node to call another."""

    from_id: str
    to_id: str


class JobGraph(BaseModel):
    """Callers, job families, and the permissions between them."""

    nodes: list[GraphNode]
    edges: list[GraphEdge]


def make_graph(uow: UnitOfWork, jobs: Iterable[JobDto]) -> JobGraph:
    """Return the graph of all ESCs and of the families of `jobs`, which must have a `pub_url`."""
    families: dict[str, list[JobDto]] = {}
    for job in sorted(jobs, key=lambda job: (job.name, job.version)):
        families.setdefault(job.name, []).append(job)
    nodes = [_make_esc_node(esc) for esc in uow.escs.list_all()]
    nodes += [_make_family_node(name, of_family) for name, of_family in families.items()]
    return JobGraph(nodes=nodes, edges=list(_list_edges(uow, families)))


def _list_edges(uow: UnitOfWork, families: dict[str, list[JobDto]]) -> Iterator[GraphEdge]:
    permissions = uow.permissions.list_by_subject([AuthScope.CALL_JOB, AuthScope.FULL_ACCESS])
    callers = uow.auth_subjects.list_of_type(AuthSubjectType.ESC)
    callers += [
        subject
        for subject in uow.auth_subjects.list_of_type(AuthSubjectType.JOB_FAMILY)
        if subject.name in families
    ]
    for caller in callers:
        reached = {
            name
            for permission in permissions.get(caller.id, [])
            for name in _list_reached(permission, families)
        }
        for name in sorted(reached):
            yield GraphEdge(from_id=_make_caller_id(caller), to_id=_make_family_id(name))


def _list_reached(permission: PermissionDto, families: dict[str, list[JobDto]]) -> list[str]:
    """List the families in which the permission covers at least one endpoint of a job."""
    names = families if permission.job_family_id is None else {permission.job_family_name}
    return [
        name
        for name, jobs in families.items()
        if name in names
        and (permission.job_id is None or any(job.id == permission.job_id for job in jobs))
    ]


def _make_esc_node(esc: EscDto) -> GraphNode:
    subtitle = f"External service consumer\n{esc.id}"
    return GraphNode(id=_make_esc_id(esc.id), type=NodeType.ESC, title=esc.name, subtitle=subtitle)


def _make_family_node(name: str, jobs: list[JobDto]) -> GraphNode:
    lines = ["Job family", *(f"{job} {job.pub_url}" for job in jobs)]
    return GraphNode(
        id=_make_family_id(name),
        type=NodeType.JOB_FAMILY,
        title=name,
        subtitle="\n".join(lines),
    )


def _make_caller_id(caller: AuthSubjectDto) -> str:
    is_esc = caller.subject_type is AuthSubjectType.ESC
    return _make_esc_id(caller.name) if is_esc else _make_family_id(caller.name)


def _make_esc_id(esc_id: str) -> str:
    return f"{NodeType.ESC}-{esc_id}"


def _make_family_id(name: str) -> str:
    return f"{NodeType.JOB_FAMILY}-{name}"
