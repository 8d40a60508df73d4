"""The route that lists deployments."""

from typing import Annotated

from fastapi import Query, Request, Response
from pydantic import BaseModel, Field, TypeAdapter
from racetrack_client.entities import AuthScope
from racetrack_commons.entities.dto import DeploymentDto, DeploymentStatus

from lifecycle.auth.authenticate import AuthSubject
from lifecycle.auth.authorize import check_reads_family, get_sight, list_visible_deployments
from lifecycle.database.unit_of_work import UnitOfWork
from lifecycle.domain.listed_deployments import DeploymentOrder, WantedDeployments
from lifecycle.endpoints.dependencies import CurrentSubject, ReadingDep, make_router
from lifecycle.endpoints.lists.paging import (
    ANSWERS,
    answer_models,
    read_choices,
    read_page,
    read_words,
)
from lifecycle.endpoints.presenting import with_kinds

router = make_router("/api/v1", "deployments")
_DEPLOYMENTS = TypeAdapter(list[DeploymentDto])
_ORDERS = [prefix + order for order in DeploymentOrder for prefix in ("", "-")]
_FORMER_FIELDS = {"limit", "job_name", "job_version"}


class DeploymentListQuery(BaseModel):
    """The deployments of a list; older clients know the first three parameters only, and get no pages."""

    limit: int = Field(100, ge=0, le=2**31 - 1, description="1 to 1000 for a page.")
    job_name: str = ""
    job_version: str = ""
    offset: int | None = Field(None, description="The number of deployments on the pages before.")
    search: str = Field(
        "",
        description="Words; each must be in the job's name or version, the status, deployer or target.",
    )
    status: list[str] = Field([], description=f"Any of {', '.join(DeploymentStatus)}.")
    deployed_by: list[str] = Field([], description="Names of deployers.")
    sort: str = Field(
        DeploymentOrder.LATEST,
        description=f"One of {', '.join(DeploymentOrder)}; a minus before it reverses the order.",
    )
    manifests: bool = Field(True, description="False leaves the manifests out: they are empty.")

    @property
    def is_page(self) -> bool:
        """True if the request asks for a page."""
        return bool(self.model_fields_set - _FORMER_FIELDS)

    def read(self) -> WantedDeployments:
        """Return the wanted deployments; raises ValidationError."""
        (order,) = read_choices("sort", [self.sort], _ORDERS)
        return WantedDeployments(
            words=read_words(self.search),
            job_name=self.job_name,
            job_version=self.job_version,
            statuses=read_choices("status", self.status, DeploymentStatus),
            deployers=tuple(self.deployed_by),
            order=DeploymentOrder(order.removeprefix("-")),
            is_reversed=order.startswith("-"),
        )


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
    return answer_models(request, _DEPLOYMENTS, with_kinds(uow, deployments), total)


def _read_newest(
    uow: UnitOfWork, subject: AuthSubject, query: DeploymentListQuery
) -> tuple[list[DeploymentDto], None]:
    newest = uow.deployments.list_newest(query.limit, query.job_name, query.job_version)
    return list_visible_deployments(uow, subject, newest), None


def _read_page(
    uow: UnitOfWork, subject: AuthSubject, query: DeploymentListQuery
) -> tuple[list[DeploymentDto], int]:
    wanted, page = query.read(), read_page(query.limit, query.offset)
    sight = get_sight(uow, subject, AuthScope.READ_JOB)
    found = uow.deployment_lists.list_page(wanted, sight, page, with_manifests=query.manifests)
    if 0 < len(found) < page.limit:
        return found, page.offset + len(found)
    return found, uow.deployment_lists.count(wanted, sight)
