"""Routes that list jobs and job families."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from fastapi import Depends, Query, Request, Response
from pydantic import TypeAdapter
from racetrack_client.entities import AuthScope
from racetrack_commons.entities.dto import JobFamilyDto, ListedJob
from racetrack_commons.entities.list_orders import PortfolioOrder

from lifecycle.auth.authorize import check_scope, get_sight, list_permitted_families
from lifecycle.auth.browser_sessions import SessionPurpose
from lifecycle.database.unit_of_work import UnitOfWork
from lifecycle.domain.auth import Sight
from lifecycle.endpoints.dependencies import (
    AuthToken,
    EndpointGuard,
    LifecycleServices,
    Reader,
    ReadingDep,
    ServicesDep,
    make_router,
)
from lifecycle.endpoints.lists.answers import ANSWERS, answer_list, answer_models, cut_page
from lifecycle.endpoints.lists.queries import JobListQuery, PortfolioQuery, Sorting, WantedPage
from lifecycle.endpoints.presenting import with_pub_url
from lifecycle.job.graph import JobGraph, make_graph
from lifecycle.job.job_texts import JobPage, JobText
from lifecycle.job.portfolio import PortfolioJob, RatedJob, rate_jobs

router = make_router("/api/v1", "jobs")
_FAMILIES = TypeAdapter(list[JobFamilyDto])


@dataclass(frozen=True)
class ReadableJobs:
    """The jobs that the caller may read."""

    sight: Sight
    services: LifecycleServices
    uow: UnitOfWork


def get_readable_jobs(
    uow: UnitOfWork, services: LifecycleServices, token: str | None
) -> ReadableJobs:
    """Return the jobs that the caller may read; raises InvalidToken, or NotPermitted if there can be none."""
    subject = services.sessions.recognize(uow, token, SessionPurpose.DASHBOARD)
    sight = get_sight(uow, subject, AuthScope.READ_JOB)
    if not sight.is_complete:
        check_scope(uow, subject, AuthScope.READ_JOB)
    return ReadableJobs(sight, services, uow)


async def guard_jobs(
    token: AuthToken, services: ServicesDep, uow: ReadingDep
) -> EndpointGuard[ReadableJobs]:
    """Return the guard `read-jobs`, which the endpoint's thread asks: pages ask for lists all the time."""
    return EndpointGuard(uow, partial(get_readable_jobs, uow, services, token))


ReadableJobsDep = Annotated[ReadableJobs, Depends(guard_jobs)]


@router.get("/job", response_model=list[ListedJob], responses=ANSWERS)
def list_jobs(
    jobs: ReadableJobsDep, query: Annotated[JobListQuery, Query()], request: Request
) -> Response:
    """List the jobs that the caller may read."""
    texts = jobs.services.job_texts
    if not query.is_page:
        return _answer(request, texts.list_all(jobs.uow, jobs.sight))
    found = texts.read_page(jobs.uow, query.read(query.sort), jobs.sight, query.read_page())
    return _answer_page(request, found, with_manifests=query.manifests)


@router.get("/job/graph")
def get_graph(jobs: ReadableJobsDep) -> JobGraph:
    """Show which ESC and which job may call which job family."""
    summaries = jobs.uow.job_lists.list_summaries(jobs.sight)
    return make_graph(jobs.uow, [with_pub_url(job, jobs.services.config) for job in summaries])


@router.get("/job/portfolio", response_model=list[PortfolioJob], responses=ANSWERS)
def get_portfolio(
    jobs: ReadableJobsDep, query: Annotated[PortfolioQuery, Query()], request: Request
) -> Response:
    """Rate the jobs by how much their removal is worth, the highest first unless the page has another order."""
    texts, now = jobs.services.job_texts, jobs.services.clock.now()
    total = None
    if query.is_page:
        page = query.read_page()
        searched = texts.search(jobs.uow, query.read_jobs(), jobs.sight)
        rated = _arrange(rate_jobs(searched.seen, now), searched.found, query.read_order())
        total, rated = len(rated), rated[page.offset : page.offset + page.limit]
    else:
        rated = rate_jobs(texts.list_all(jobs.uow, jobs.sight), now)
    written = [_write_rated(each, query) for each in rated]
    return answer_list(request, written, lambda: _join(written), total)


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


def _arrange(
    rated: Sequence[RatedJob[JobText]], found: Sequence[str], sorting: Sorting[PortfolioOrder]
) -> list[RatedJob[JobText]]:
    """Return the found ones of the rated jobs, in the order of the ids unless scores or calls decide."""
    if sorting.order.is_of_jobs:
        by_id = {each.job.id: each for each in rated}
        return [by_id[job_id] for job_id in found if job_id in by_id]
    wanted = set(found)
    arranged = [each for each in rated if each.job.id in wanted]
    if sorting.order is PortfolioOrder.LAST_CALL:
        arranged.sort(key=lambda each: each.job.last_call_time or 0, reverse=True)
    return arranged[::-1] if sorting.is_reversed else arranged


def _write_rated(rated: RatedJob[JobText], query: PortfolioQuery) -> bytes:
    fields = rated.rating.model_dump_json().encode()[1:-1]
    if query.is_page:
        fields = b'"owner_email":%b,%b' % (rated.job.owner, fields)
    return rated.job.extend(fields, with_manifests=query.manifests)


def _join(texts: Sequence[bytes]) -> bytes:
    return b"[%b]" % b",".join(texts)
