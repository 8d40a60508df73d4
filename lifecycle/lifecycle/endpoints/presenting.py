"""The presentation of jobs and logs in answers."""

import re
from collections.abc import Collection

from pydantic import BaseModel
from racetrack_commons.entities.dto import DeploymentDto, JobDto

from lifecycle.config import Config
from lifecycle.database.unit_of_work import UnitOfWork

_ANSI_COLOUR = re.compile(r"\x1b\[\d+(;\d+)?m")


class LogsPayload(BaseModel):
    """Lines of a log."""

    logs: str


class WarningsPayload(BaseModel):
    """Warnings for the owner of a job."""

    warnings: str


Warnings = WarningsPayload | None
"""The answer of a route that may warn; null when there is nothing to warn of, as older clients expect."""


def warn_of(deployment: DeploymentDto) -> Warnings:
    """Return the warnings of a deployment."""
    return WarningsPayload(warnings=deployment.warnings) if deployment.warnings else None


def with_pub_url(job: JobDto, config: Config) -> JobDto:
    """Return the job with the address at which it can be called."""
    return job.model_copy(
        update={"pub_url": f"{make_pub_url(config)}/job/{job.name}/{job.version}"}
    )


def with_pin(job: JobDto, pins: Collection[tuple[str, str]]) -> JobDto:
    """Return the job with a mark when it is one of the pinned ones."""
    return job.model_copy(update={"is_pinned": True}) if (job.name, job.version) in pins else job


def with_kinds(uow: UnitOfWork, deployments: list[DeploymentDto]) -> list[DeploymentDto]:
    """Return the deployments with their kinds, and with a mark on those that serve; older releases stored no kinds."""
    ids = [each.id for each in deployments]
    kinds = uow.deployment_tasks.list_kinds(ids)
    serving = uow.instances.list_serving_ids(ids)
    marked = []
    for each in deployments:
        kind, is_restorable = kinds.get(each.id, (None, False))
        marks = {"kind": kind, "is_restorable": is_restorable, "is_serving": each.id in serving}
        marked.append(each.model_copy(update=marks))
    return marked


def with_phases(uow: UnitOfWork, deployments: list[DeploymentDto]) -> list[DeploymentDto]:
    """Return the deployments with their phases; older releases stored no times of phases."""
    phases = uow.deployments.list_phases([each.id for each in deployments])
    return [each.model_copy(update={"phases": phases.get(each.id, [])}) for each in deployments]


def make_pub_url(config: Config) -> str:
    """Return the address at which callers reach PUB."""
    if config.cluster_fqdn:
        return f"https://{config.racetrack_subdomain}.{config.cluster_fqdn}/pub"
    return config.external_pub_url.rstrip("/")


def strip_colours(text: str) -> str:
    """Remove the colour codes of terminals from a log."""
    return _ANSI_COLOUR.sub("", text)


def keep_tail(text: str, lines: int) -> str:
    """Return the last `lines` lines of a text, or all of them for 0."""
    if lines <= 0:
        return text
    end = "\n" if text.endswith("\n") else ""
    return "\n".join(text.removesuffix("\n").split("\n")[-lines:]) + end
