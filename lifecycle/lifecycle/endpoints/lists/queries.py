"""Requests for lists: the items that they ask for, their order, and the page."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, ClassVar, Generic, TypeVar

from fastapi import Depends
from pydantic import BaseModel, Field
from racetrack_client.log.errors import ValidationError
from racetrack_commons.entities.dto import DeploymentStatus, JobStatus
from racetrack_commons.entities.list_orders import DeploymentOrder, JobOrder, PortfolioOrder

from lifecycle.domain.listed_deployments import WantedDeployments
from lifecycle.domain.listed_jobs import Page, WantedJobs, split_words

_Order = TypeVar("_Order", bound=StrEnum)
_MOST_ITEMS = 1000
_ITEMS = 100
_MOST_OFFSET = 2**31 - 1
_LONGEST_SEARCH = 200
_STATUSES = [status for status in JobStatus if status is not JobStatus.ORPHANED]


def describe_orders(orders: type[StrEnum]) -> str:
    """Return the sentence about a parameter that `read_sorting` reads, for the OpenAPI document."""
    return f"One of {', '.join(orders)}; a minus before it reverses the order."


class PageQuery(BaseModel):
    """A page of a list, as a request asks for it; without any of these parameters the list is whole."""

    former_fields: ClassVar[frozenset[str]] = frozenset()
    """Parameters of clients that are older than pages: they do not make the list a page."""

    limit: int | None = Field(
        None, description="The most items of the page, 1 to 1000; 100 unless given."
    )
    offset: int | None = Field(None, description="The number of items on the pages before.")
    manifests: bool = Field(True, description="False leaves the manifests out.")

    @property
    def is_page(self) -> bool:
        """True if the request asks for a page."""
        return bool(self.model_fields_set - self.former_fields)

    def read_page(self) -> Page:
        """Return the part of the list; raises ValidationError."""
        return read_page(self.limit, self.offset)


class JobFilter(PageQuery):
    """The jobs that a list has."""

    search: str = Field(
        "",
        description="Words; each must be in the job's name, version, status, deployer, job type, target or owner.",
    )
    status: list[str] = Field([], description=f"Any of {', '.join(_STATUSES)}.")
    job_type: list[str] = Field([], description="`python3:3.1.0`, or `python3` for all versions.")
    target: list[str] = Field([], description="Infrastructure targets.")
    family: list[str] = Field([], description="Job families, by their whole names.")
    owner: list[str] = Field([], description="Owners, as the manifests name them.")

    def read(self, sort: str = JobOrder.LATEST_JOB) -> WantedJobs:
        """Return the wanted jobs; raises ValidationError."""
        sorting = read_sorting(sort, JobOrder)
        return WantedJobs(
            words=read_words(self.search),
            statuses=read_choices("status", self.status, _STATUSES),
            job_types=tuple(self.job_type),
            targets=tuple(self.target),
            families=tuple(self.family),
            owners=tuple(self.owner),
            order=sorting.order,
            is_reversed=sorting.is_reversed,
        )


class JobListQuery(JobFilter):
    """The jobs that a list has, and their order."""

    sort: str = Field(JobOrder.LATEST_JOB, description=describe_orders(JobOrder))


class PortfolioQuery(JobFilter):
    """The rated jobs of a list, and their order."""

    sort: str = Field(PortfolioOrder.SCORE, description=describe_orders(PortfolioOrder))

    def read_order(self) -> "Sorting[PortfolioOrder]":
        """Return the order; raises ValidationError."""
        return read_sorting(self.sort, PortfolioOrder)

    def read_jobs(self) -> WantedJobs:
        """Return the wanted jobs, in an order that jobs have without their ratings; raises ValidationError."""
        is_of_jobs = self.read_order().order.is_of_jobs
        return self.read(self.sort if is_of_jobs else JobOrder.LATEST_JOB)


class DeploymentListQuery(PageQuery):
    """The deployments of a list, and their order."""

    former_fields = frozenset({"limit", "job_name", "job_version"})

    limit: int = Field(100, ge=0, le=2**31 - 1, description="1 to 1000 for a page.")
    job_name: str = ""
    job_version: str = ""
    search: str = Field(
        "",
        description="Words; each must be in the job's name or version, the status, deployer or target.",
    )
    status: list[str] = Field([], description=f"Any of {', '.join(DeploymentStatus)}.")
    deployed_by: list[str] = Field([], description="Names of deployers.")
    sort: str = Field(DeploymentOrder.LATEST, description=describe_orders(DeploymentOrder))
    phases: bool = Field(False, description="True tells the phases, and when each began.")

    def read(self) -> WantedDeployments:
        """Return the wanted deployments; raises ValidationError."""
        sorting = read_sorting(self.sort, DeploymentOrder)
        return WantedDeployments(
            words=read_words(self.search),
            job_name=self.job_name,
            job_version=self.job_version,
            statuses=read_choices("status", self.status, DeploymentStatus),
            deployers=tuple(self.deployed_by),
            order=sorting.order,
            is_reversed=sorting.is_reversed,
        )


@dataclass(frozen=True)
class Sorting(Generic[_Order]):
    """The order of a list, as a request names it."""

    order: _Order
    is_reversed: bool


@dataclass(frozen=True)
class SearchedPage:
    """The part of a list that a request asks for."""

    page: Page
    words: tuple[str, ...]


def read_searched_page(
    limit: int | None = None, offset: int | None = None, search: str | None = None
) -> SearchedPage | None:
    """Return what a request asks for, or None if it asks for the whole list; raises ValidationError."""
    if limit is None and offset is None and search is None:
        return None
    return SearchedPage(read_page(limit, offset), read_words(search))


WantedPage = Annotated[SearchedPage | None, Depends(read_searched_page)]


def read_page(limit: int | None, offset: int | None) -> Page:
    """Return a page; raises ValidationError."""
    page = Page(_ITEMS if limit is None else limit, offset or 0)
    if not 1 <= page.limit <= _MOST_ITEMS:
        raise ValidationError(f"limit is {page.limit}; allowed are 1 to {_MOST_ITEMS}")
    if not 0 <= page.offset <= _MOST_OFFSET:
        raise ValidationError(f"offset is {page.offset}; allowed are 0 to {_MOST_OFFSET}")
    return page


def read_words(search: str | None) -> tuple[str, ...]:
    """Return the words of a search; raises ValidationError."""
    if search and len(search) > _LONGEST_SEARCH:
        raise ValidationError(
            f"search has {len(search)} characters; allowed are up to {_LONGEST_SEARCH}"
        )
    return split_words(search or "")


def read_choices(name: str, values: Sequence[str], allowed: Iterable[str]) -> tuple[str, ...]:
    """Return the values of a parameter; raises ValidationError, which names the allowed ones."""
    known = list(allowed)
    for value in values:
        if value not in known:
            raise ValidationError(f"{name} is {value!r}; allowed are {', '.join(known)}")
    return tuple(values)


def read_sorting(sort: str, orders: type[_Order]) -> Sorting[_Order]:
    """Return the order that a parameter names, a minus before it for the reverse; raises ValidationError."""
    allowed = [prefix + order for order in orders for prefix in ("", "-")]
    read_choices("sort", [sort], allowed)
    return Sorting(orders(sort.removeprefix("-")), is_reversed=sort.startswith("-"))
