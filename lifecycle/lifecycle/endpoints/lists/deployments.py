"""The route that lists deployments."""

from typing import Annotated

from fastapi import Query, Request, Response
from pydantic import TypeAdapter
from racetrack_client.entities import AuthScope
from racetrack_commons.entities.dto import DeploymentDto

from lifecycle.auth.authenticate import AuthSubject
from lifecycle.auth.authorize import check_reads_family, get_sight, list_visible_deployments
from lifecycle.database.unit_of_work import UnitOfWork
from lifecycle.endpoints.dependencies import CurrentSubject, ReadingDep, make_router
from lifecycle.endpoints.lists.answers import ANSWERS, answer_models
from lifecycle.endpoints.lists.queries import DeploymentListQuery
from lifecycle.endpoints.presenting import with_kinds, with_phases

router = make_router("/api/v1", "deployments")
_DEPLOYMENTS = TypeAdapter(list[DeploymentDto])


@router.get("/deploy", response_model=list[DeploymentDto], responses=ANSWERS)
def list_deployments(
    subject: CurrentSubject,
    query: Annotated[DeploymentListQuery, Query()],
    uow: ReadingDep,
    request: Request,
) -> Response:
    """List the deployments that the caller may see, of one job or of all jobs, the last changed first."""
    read = _read_page if query.is_page else _read_newest
    deployments, total = read(uow, subject, query)
    if query.job_name and not deployments:
        check_reads_family(uow, subject, query.job_name)
    shown = with_kinds(uow, deployments)
    shown = with_phases(uow, shown) if query.phases else shown
    return answer_models(request, _DEPLOYMENTS, shown, total)


def _read_newest(
    uow: UnitOfWork, subject: AuthSubject, query: DeploymentListQuery
) -> tuple[list[DeploymentDto], None]:
    newest = uow.deployments.list_newest(query.limit, query.job_name, query.job_version)
    return list_visible_deployments(uow, subject, newest), None


def _read_page(
    uow: UnitOfWork, subject: AuthSubject, query: DeploymentListQuery
) -> tuple[list[DeploymentDto], int]:
    wanted, page = query.read(), query.read_page()
    sight = get_sight(uow, subject, AuthScope.READ_JOB)
    found = uow.deployment_lists.list_page(wanted, sight, page, with_manifests=query.manifests)
    if 0 < len(found) < page.limit:
        return found, page.offset + len(found)
    return found, uow.deployment_lists.count(wanted, sight)
