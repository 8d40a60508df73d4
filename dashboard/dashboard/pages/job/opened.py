"""The job that a page is about, what the visitor may do with it, and how its calls are made."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from racetrack_client.entities import AuthScope

from dashboard.client.api import ApiError, LifecycleApi, LoggedOut, Params
from dashboard.client.job_calls import JobCaller
from dashboard.visit import Visit, make_path

FIRST_TAB = "overview"
_MOST_VERSIONS = 200
_ASKED = (AuthScope.DEPLOY_JOB, AuthScope.DELETE_JOB, AuthScope.CALL_JOB)


@dataclass(frozen=True)
class JobVersion:
    """A version of a family."""

    version: str
    status: str


@dataclass
class OpenedJob:
    """The job of a page."""

    visit: Visit
    facts: dict[str, Any]
    """The job as Lifecycle told it last."""
    allowed: frozenset[AuthScope]
    """The scopes that the visitor has on it, beside reading."""
    latest: str | None
    """The version that `latest` means, or None if it means none."""
    versions: list[JobVersion]
    """The versions of the family, the highest first."""
    followers: list[Callable[[], None]] = field(default_factory=list)
    """Functions that are called after the job was fetched again."""

    @property
    def name(self) -> str:
        """The name of the family."""
        return str(self.facts["name"])

    @property
    def version(self) -> str:
        """The exact version."""
        return str(self.facts["version"])

    @property
    def api_path(self) -> str:
        """The path of the job below Lifecycle's `/api/v1/`."""
        return make_job_path(self.name, self.version)

    @property
    def caller(self) -> JobCaller:
        """The way to call the job as the visitor."""
        shared = self.visit.shared
        url = shared.config.internal_pub_url
        return JobCaller(shared.http, url, self.name, self.version, self.visit.job_session)

    @property
    def public_url(self) -> str:
        """The address of the job that people are shown."""
        base = self.visit.shared.config.get_pub_url().rstrip("/")
        return str(self.facts["pub_url"] or f"{base}/job/{self.name}/{self.version}")

    def make_page(self, tab: str = FIRST_TAB, **query: str) -> str:
        """Return the path of a tab of the job's page."""
        return make_path(
            "jobs", self.name, self.version, tab=tab if tab != FIRST_TAB else "", **query
        )

    async def load(self) -> None:
        """Ask Lifecycle for the job again."""
        self.facts = await self.visit.api.get(self.api_path)
        self.latest, self.versions = await asyncio.gather(
            _find_latest(self.visit.api, self.name), _list_versions(self.visit.api, self.name)
        )
        for follow in self.followers:
            follow()


async def open_job(visit: Visit, name: str, version: str) -> OpenedJob:
    """Return the job that a name and a version mean; raises ApiError if there is none to see."""
    facts = await visit.api.get(make_job_path(name, version))
    api = visit.api
    path = f"{quote(name, safe='')}/{quote(facts['version'], safe='')}"
    asked = (_is_allowed(api, f"auth/allowed/job/{path}/scope/{scope}") for scope in _ASKED)
    latest, versions, answers = await asyncio.gather(
        _find_latest(api, name), _list_versions(api, name), asyncio.gather(*asked)
    )
    allowed = frozenset(scope for scope, answer in zip(_ASKED, answers, strict=True) if answer)
    return OpenedJob(visit, facts, allowed, latest, versions)


def make_job_path(name: str, version: str) -> str:
    """Return the path of a job below Lifecycle's `/api/v1/`."""
    return f"job/{quote(name, safe='')}/{quote(version, safe='')}"


async def _list_versions(api: LifecycleApi, name: str) -> list[JobVersion]:
    params: Params = {"family": name, "sort": "name", "limit": _MOST_VERSIONS, "manifests": False}
    page = await api.find_page("job", params)
    items = page.items if page else []
    return [JobVersion(each["version"], each["status"]) for each in items]


async def _find_latest(api: LifecycleApi, name: str) -> str | None:
    try:
        return str((await api.get(make_job_path(name, "latest")))["version"])
    except LoggedOut:
        raise
    except ApiError:
        return None


async def _is_allowed(api: LifecycleApi, path: str) -> bool:
    try:
        await api.send("GET", path)
    except LoggedOut:
        raise
    except ApiError:
        return False
    return True
