"""Who may call which endpoint of a job."""

from collections.abc import Iterator

from racetrack_commons.auth.endpoint_path import has_dot_segments
from racetrack_commons.entities.dto import JobDto

from lifecycle.auth.decision import Decision, Effect, Rule, decide
from lifecycle.auth.endpoint_path import describe_dot_segments, is_below
from lifecycle.database.unit_of_work import UnitOfWork

_PROBES = {"/live", "/ready", "/health"}


def decide_without_caller(uow: UnitOfWork, job: JobDto, endpoint: str) -> Decision:
    """Decide what can be decided without knowing who calls; CONTINUE: a token is needed."""
    return decide(_ask(uow, job, endpoint))


def _ask(uow: UnitOfWork, job: JobDto, endpoint: str) -> Iterator[Rule]:
    if has_dot_segments(endpoint):
        yield Rule("path", Effect.DENY, describe_dot_segments(endpoint))
    if endpoint in _PROBES:
        yield Rule("probe", Effect.ALLOW, f"anybody may call {endpoint}")
    for public in uow.public_endpoints.list_active(job.name, job.version):
        if is_below(endpoint, public):
            reason = f"{public} is a public endpoint of job {job}"
            yield Rule("public endpoint", Effect.ALLOW, reason)
        else:
            reason = f"the public endpoint {public} of job {job} is another one"
            yield Rule("public endpoint", Effect.CONTINUE, reason)
