"""The names of subjects and jobs that forms about permissions offer."""

import asyncio
from dataclasses import dataclass

from racetrack_client.entities import AuthScope

from dashboard.client.api import ApiError, LoggedOut, Params
from dashboard.pages.access.permission_matrix import describe_subject
from dashboard.visit import Visit


@dataclass(frozen=True)
class KnownNames:
    """The names that the visitor may know."""

    subjects: dict[str, str]
    """The subjects whose permissions the visitor may see, such as `user:anna`, in words."""
    families: list[str]
    """The job families that the visitor sees, beginning with that of the latest job."""


async def collect_names(visit: Visit) -> KnownNames:
    """Ask Lifecycle which subjects and jobs there are."""
    own = {f"user:{visit.user.username}": f"User {visit.user.username}"}
    families = await _list_families(visit)
    if not visit.has_scope(AuthScope.CALL_ADMIN_API):
        return KnownNames(own, families)
    names: dict[str, str] = {}
    if visit.user.is_staff:
        users, escs = await asyncio.gather(visit.api.get("users"), visit.api.get("escs"))
        names |= {f"user:{user['username']}": user["username"] for user in users}
        names |= {f"esc:{esc['id']}": esc["name"] for esc in escs}
    names |= {f"job_family:{family}": family for family in families}
    subjects = {subject: describe_subject(subject, names[subject]) for subject in names}
    return KnownNames(own | subjects, families)


async def _list_families(visit: Visit) -> list[str]:
    latest: Params = {"limit": 1, "sort": "latest_job", "manifests": False}
    try:
        families, jobs = await asyncio.gather(
            visit.api.get("job_family"), visit.api.get("job", latest)
        )
    except LoggedOut:
        raise
    except ApiError:  # The visitor may read no job.
        return []
    names = [job["name"] for job in jobs] + [family["name"] for family in families]
    return list(dict.fromkeys(names))
