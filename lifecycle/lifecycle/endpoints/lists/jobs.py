"""Routes that list jobs and job families."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import Query, Request, Response
from pydantic import BaseModel, Field, TypeAdapter
from racetrack_client.entities import AuthScope
from racetrack_commons.entities.dto import JobFamilyDto, JobStatus, ListedJob

from lifecycle.auth.authorize import get_sight, list_permitted_families
from lifecycle.domain.listed_jobs import JobOrder, WantedJobs
from lifecycle.endpoints.dependencies import Reader, ReadingDep, ServicesDep, make_router
from lifecycle.endpoints.lists.paging import (
    ANSWERS,
    WantedPage,
    answer_list,
    answer_models,
    cut_page,
    read_choices,
    read_page,
    read_words,
)
from lifecycle.endpoints.presenting import with_pub_url
from lifecycle.job.graph import JobGraph, make_graph
from lifecycle.job.job_texts import JobPage, JobText
from lifecycle.job.portfolio import PortfolioJob, RatedJob, rate_jobs

router = make_router("/api/v1", "jobs")
_FAMILIES = TypeAdapter(list[JobFamilyDto])
_ORDERS = [prefix + order for order in JobOrder for prefix in ("", "-")]
_STATUSES = [status for status in JobStatus if status is not JobStatus.ORPHANED]


class JobFilter(BaseModel):
    """The jobs that a page of a list has; without any of these parameters the list is whole."""

    limit: int | None = Field(
        None, description="The most jobs of the page, 1 to 1000; 100 unless given."
    )
    offset: int | None = Field(None, description="The number of jobs on the pages before.")
    search: str = Field(
        "",
        description="Words; each must be in the job's name, version, status, deployer, job type, target or owner.",
    )
    status: list[str] = Field([], description=f"Any of {', '.join(_STATUSES)}.")
    job_type: list[str] = Field([], description="`python3:3.1.0`, or `python3` for all versions.")
    target: list[str] = Field([], description="Infrastructure targets.")
    family: list[str] = Field([], description="Job families, by their whole names.")
    owner: list[str] = Field([], description="Owners, as the manifests name them.")
    manifests: bool = Field(True, description="False leaves the manifests out: both are null.")

    @property
    def is_given(self) -> bool:
        """True if the request asks for a page."""
        return bool(self.model_fields_set)

    def read(self, sort: str = JobOrder.LATEST_JOB) -> WantedJobs:
        """Return the wanted jobs; raises ValidationError."""
        (order,) = read_choices("sort", [sort], _ORDERS)
        return WantedJobs(
            words=read_words(self.search),
            statuses=read_choices("status", self.status, _STATUSES),
            job_types=tuple(self.job_type),
            targets=tuple(self.target),
            families=tuple(self.family),
            owners=tuple(self.owner),
            order=JobOrder(order.removeprefix("-")),
            is_reversed=order.startswith("-"),
        )


class JobListQuery(JobFilter):
    """The jobs of a page, and their order."""

    sort: str = Field(
        JobOrder.LATEST_JOB,
        description=f"One of {', '.join(JobOrder)}; a minus before it reverses the order.",
    )


@router.get("/job", response_model=list[ListedJob], responses=ANSWERS)
def list_jobs(
    subject: Reader,
    query: Annotated[JobListQuery, Query()],
    services: ServicesDep,
    uow: ReadingDep,
    request: Request,
) -> Response:
    """List the jobs that the caller may read."""
    sight = get_sight(uow, subject, AuthScope.READ_JOB)
    if not query.is_given:
        return _answer(request, services.job_texts.list_all(uow, sight))
    wanted, page = query.read(query.sort), read_page(query.limit, query.offset)
    found = services.job_texts.read_page(uow, wanted, sight, page)
    return _answer_page(request, found, with_manifests=query.manifests)


@router.get("/job/graph")
def get_graph(subject: Reader, services: ServicesDep, uow: ReadingDep) -> JobGraph:
    """Show which ESC and which job may call which job family."""
    jobs = uow.job_lists.list_summaries(get_sight(uow, subject, AuthScope.READ_JOB))
    return make_graph(uow, [with_pub_url(job, services.config) for job in jobs])


@router.get("/job/portfolio", response_model=list[PortfolioJob], responses=ANSWERS)
def get_portfolio(
    subject: Reader,
    query: Annotated[JobFilter, Query()],
    services: ServicesDep,
    uow: ReadingDep,
    request: Request,
) -> Response:
    """Rate the jobs by how much their removal is worth, the highest first."""
    sight = get_sight(uow, subject, AuthScope.READ_JOB)
    rated = rate_jobs(services.job_texts.list_all(uow, sight), services.clock.now())
    total = None
    if query.is_given:
        page = read_page(query.limit, query.offset)
        found = services.job_texts.list_ids(uow, query.read(), sight)
        rated = [each for each in rated if each.job.id in found]
        total, rated = len(rated), rated[page.offset : page.offset + page.limit]
    texts = [_write_rated(each, query) for each in rated]
    return answer_list(request, texts, lambda: _join(texts), total)


@router.get("/job_family", response_model=list[JobFamilyDto], responses=ANSWERS)
def list_families(
    subject: Reader, wanted: WantedPage, uow: ReadingDep, request: Request
) -> Response:
    """List the families that the caller may read."""
    families = uow.families.list_all()
    permitted = list_permitted_families(uow, subject, AuthScope.READ_JOB, families)
    return answer_models(request, _FAMILIES, *cut_page(permitted, wanted, lambda each: [each.name]))


def _answer(request: Request, jobs: Sequence[JobText]) -> Response:
    digests = (job.digest for job in jobs)
    return answer_list(request, digests, lambda: _join([job.text for job in jobs]), None)


def _answer_page(request: Request, page: JobPage, *, with_manifests: bool) -> Response:
    texts = [
        job.extend(b'"owner_email":' + job.owner, with_manifests=with_manifests)
        for job in page.jobs
    ]
    return answer_list(request, texts, lambda: _join(texts), page.total)


def _write_rated(rated: RatedJob[JobText], query: JobFilter) -> bytes:
    fields = rated.rating.model_dump_json().encode()[1:-1]
    if query.is_given:
        fields = b'"owner_email":%b,%b' % (rated.job.owner, fields)
    return rated.job.extend(fields, with_manifests=query.manifests)


def _join(texts: Sequence[bytes]) -> bytes:
    return b"[%b]" % b",".join(texts)
