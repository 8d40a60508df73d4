"""Routes of deployments."""

from typing import Annotated

from fastapi import Depends
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel
from racetrack_client.entities import AuthScope, DeployPayload
from racetrack_commons.api.guard_first import LARGE_BODY_BYTES
from racetrack_commons.entities.dto import DeploymentDto, DeploymentStatus

from lifecycle.auth.authorize import (
    NotPermitted,
    check_job,
    list_own_deployments,
    list_visible_deployments,
)
from lifecycle.endpoints.dependencies import (
    Administrator,
    Count,
    CurrentSubject,
    KnownSubject,
    NotInMaintenance,
    ReadingDep,
    ServicesDep,
    UnitOfWorkDep,
    make_router,
)
from lifecycle.endpoints.presenting import (
    LogsPayload,
    WarningsPayload,
    keep_tail,
    strip_colours,
    with_phases,
    with_pub_url,
)

router = make_router("/api/v1", "deployments")


class DeploymentId(BaseModel):
    """The id of a deployment."""

    id: str


class PhasePayload(BaseModel):
    """The phase of a deployment."""

    phase: str


def require_readable_deployment(
    deploy_id: str, subject: KnownSubject, services: ServicesDep
) -> DeploymentDto:
    """Return a deployment; raises NotPermitted if the caller may not see it."""
    with services.unit_of_work.reading() as uow:
        deployment = uow.deployments.get(deploy_id)
        if not list_visible_deployments(uow, subject, [deployment]):
            raise NotPermitted(
                f"{subject.description} may not read deployments of {deployment.job_name}"
            )
    return deployment


ReadableDeployment = Annotated[DeploymentDto, Depends(require_readable_deployment)]


def require_own_or_deployable_deployment(
    deploy_id: str, subject: KnownSubject, services: ServicesDep
) -> DeploymentDto:
    """Return a deployment of the caller, or of a job that the caller may deploy; raises NotPermitted."""
    with services.unit_of_work.reading() as uow:
        deployment = uow.deployments.get(deploy_id)
        if not list_own_deployments(uow, subject, [deployment]):
            job = uow.jobs.find(deployment.job_name, deployment.job_version)
            check_job(uow, subject, deployment.job_name, job, AuthScope.DEPLOY_JOB)
    return deployment


CancellableDeployment = Annotated[DeploymentDto, Depends(require_own_or_deployable_deployment)]


@router.post("/deploy", dependencies=[NotInMaintenance], max_body_size=LARGE_BODY_BYTES)
def deploy(payload: DeployPayload, subject: CurrentSubject, services: ServicesDep) -> DeploymentId:
    """Begin to deploy a job."""
    deployment_id = services.deployments.submitter.deploy(payload, subject)
    services.metrics.requested_job_deployments.inc()
    return DeploymentId(id=deployment_id)


@router.post("/build", max_body_size=LARGE_BODY_BYTES)
def build(payload: DeployPayload, subject: CurrentSubject, services: ServicesDep) -> DeploymentId:
    """Begin to build the image of a job, without deploying it."""
    return DeploymentId(id=services.deployments.submitter.build(payload, subject))


@router.get("/deploy/{deploy_id}")
def get_deployment(
    deployment: ReadableDeployment, services: ServicesDep, uow: ReadingDep
) -> DeploymentDto:
    """Show a deployment; one that is done includes its job, and is shown so once calls go to it."""
    (deployment,) = with_phases(uow, [deployment])
    if deployment.status == DeploymentStatus.DONE and not services.gateways.have_heard(
        uow, deployment
    ):
        return deployment.model_copy(update={"status": DeploymentStatus.IN_PROGRESS})
    if deployment.status == DeploymentStatus.DONE:
        job = uow.jobs.find(deployment.job_name, deployment.job_version)
        deployment.job = with_pub_url(job, services.config) if job else None
    return deployment


@router.get("/deploy/{deploy_id}/build-logs")
def get_build_logs(deployment: ReadableDeployment, uow: ReadingDep, tail: Count = 0) -> LogsPayload:
    """Show what a deployment's build logged so far."""
    return LogsPayload(logs=keep_tail(uow.deployments.get_build_logs(deployment.id), tail))


@router.get("/deploy/{deploy_id}/build-logs/plain", response_class=PlainTextResponse)
def get_plain_build_logs(deployment: ReadableDeployment, uow: ReadingDep, tail: Count = 0) -> str:
    """Show what a deployment's build logged so far, as text without colours."""
    return strip_colours(keep_tail(uow.deployments.get_build_logs(deployment.id), tail))


@router.post("/deploy/{deploy_id}/cancel")
def cancel_deployment(
    deployment: CancellableDeployment, subject: KnownSubject, services: ServicesDep
) -> None:
    """Cancel a deployment that does not serve yet; may be repeated."""
    services.deployments.canceller.cancel(deployment, subject)


@router.put("/deploy/{deploy_id}/phase")
def set_phase(
    deploy_id: str,
    payload: PhasePayload,
    _: Administrator,
    services: ServicesDep,
    uow: UnitOfWorkDep,
) -> None:
    """Set the phase of a deployment."""
    uow.deployments.set_phase(deploy_id, payload.phase, services.clock.now())


@router.put("/deploy/{deploy_id}/warnings")
def append_warnings(
    deploy_id: str,
    payload: WarningsPayload,
    _: Administrator,
    services: ServicesDep,
    uow: UnitOfWorkDep,
) -> None:
    """Add lines to the warnings of a deployment."""
    uow.deployments.append_warnings(deploy_id, payload.warnings, services.clock.now())
