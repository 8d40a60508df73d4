"""Routes of single jobs."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends
from pydantic import BaseModel
from racetrack_client.entities import AuthScope
from racetrack_commons.entities.dto import DeploymentDto, JobDto
from starlette.concurrency import run_in_threadpool

from lifecycle.auth.authorize import check_job
from lifecycle.deployment.requests.rollback import RollbackResult
from lifecycle.endpoints.dependencies import (
    Administrator,
    DeletableJob,
    DeployableJob,
    KnownSubject,
    LifecycleServices,
    NotInMaintenance,
    ReadableJob,
    ReadingDep,
    ServicesDep,
    UnitOfWorkDep,
    make_router,
)
from lifecycle.endpoints.presenting import (
    Warnings,
    WarningsPayload,
    warn_of,
    with_pin,
    with_pub_url,
)
from lifecycle.job.version_pins import LatestPins
from lifecycle.job.versions import LATEST, find_job

router = make_router("/api/v1", "jobs")


class PublicEndpointRequestDto(BaseModel):
    """An endpoint that may be called without a token."""

    job_name: str
    job_version: str
    endpoint: str
    active: bool


class MovePayload(BaseModel):
    """The infrastructure target that a job moves to."""

    infrastructure_target: str


class RollbackPayload(BaseModel):
    """The deployment that a job goes back to."""

    deployment_id: str | None = None
    """Null means the newest deployment that differs from the one that serves."""


class ManifestPayload(BaseModel):
    """A manifest, as text."""

    manifest_yaml: str


def open_pins(
    job: DeployableJob, subject: KnownSubject, services: ServicesDep, uow: UnitOfWorkDep
) -> LatestPins:
    """Return the pins; refuse callers who may not deploy the version that `latest` means now: they would take its calls away."""
    present = find_job(uow, job.name, LATEST)
    check_job(uow, subject, job.name, present, AuthScope.DEPLOY_JOB)
    return LatestPins(uow, subject.name, services.clock.now())


LatestPinsDep = Annotated[LatestPins, Depends(open_pins)]


@router.post("/job/all/reconcile", dependencies=[NotInMaintenance])
async def reconcile(_: Administrator, services: ServicesDep) -> None:
    """Start every lost job again, and wait until each of them was tried."""
    await services.deployments.reconcile_and_wait()


@router.get("/job/{job_name}/{job_version}")
def get_job(job: ReadableJob, services: ServicesDep, uow: ReadingDep) -> JobDto:
    """Show a job."""
    return with_pin(with_pub_url(job, services.config), uow.version_pins.list_all())


@router.delete("/job/{job_name}/{job_version}", dependencies=[NotInMaintenance])
async def delete_job(job: DeletableJob, subject: KnownSubject, services: ServicesDep) -> None:
    """Stop a job and remove it."""
    await services.threads.stops.run(services.deployments.deleter.delete, job, subject)


@router.post("/job/{job_name}/{job_version}/redeploy", dependencies=[NotInMaintenance])
async def redeploy(job: DeployableJob, subject: KnownSubject, services: ServicesDep) -> Warnings:
    """Build and deploy a job again from the same source, and wait until it serves."""
    jobs = services.deployments.existing_jobs
    return await carry_out(lambda: jobs.redeploy(job, subject), services)


@router.post("/job/{job_name}/{job_version}/reprovision", dependencies=[NotInMaintenance])
async def reprovision(job: DeployableJob, subject: KnownSubject, services: ServicesDep) -> Warnings:
    """Start the image of a job again, and wait until it serves."""
    jobs = services.deployments.existing_jobs
    return await carry_out(lambda: jobs.reprovision(job, subject), services)


@router.post("/job/{job_name}/{job_version}/move", dependencies=[NotInMaintenance])
async def move(
    payload: MovePayload, job: DeployableJob, subject: KnownSubject, services: ServicesDep
) -> Warnings:
    """Move a job to another infrastructure target, and wait until it serves there."""
    jobs, target = services.deployments.existing_jobs, payload.infrastructure_target
    return await carry_out(lambda: jobs.move(job, target, subject), services)


@router.post("/job/{job_name}/{job_version}/rollback", dependencies=[NotInMaintenance])
async def roll_back(
    job: DeployableJob,
    subject: KnownSubject,
    services: ServicesDep,
    payload: RollbackPayload | None = None,
) -> RollbackResult:
    """Restore the result of an earlier deployment without a build, and wait until it serves."""
    wanted = payload.deployment_id if payload else None
    begin = services.deployments.rollback.roll_back
    started = await run_in_threadpool(begin, job, subject, wanted)
    await wait_until_called(started.deployment_id, services)
    return started


async def carry_out(begin: Callable[[], str], services: LifecycleServices) -> Warnings:
    """Begin a deployment, whose id `begin` returns, and wait until calls go to what it led to."""
    deployment_id = await run_in_threadpool(begin)
    return warn_of(await wait_until_called(deployment_id, services))


async def wait_until_called(deployment_id: str, services: LifecycleServices) -> DeploymentDto:
    """Return the deployment once it is done, and calls go to what it led to."""
    done = await services.deployments.waiter.wait(deployment_id)
    return await services.gateways.wait_until_heard(done)


@router.put("/job/{job_name}/{job_version}/latest", dependencies=[NotInMaintenance])
def point_latest_here(job: DeployableJob, pins: LatestPinsDep) -> None:
    """Make `latest`, and patterns that match, mean this version until a higher one is deployed."""
    pins.pin(job)


@router.delete("/job/{job_name}/{job_version}/latest", dependencies=[NotInMaintenance])
def release_latest(job: DeployableJob, pins: LatestPinsDep) -> None:
    """Make `latest` and patterns of the job's family mean the highest version again."""
    pins.release(job)


@router.get("/job/{job_name}/{job_version}/public-endpoints")
def list_public_endpoints(job: ReadableJob, uow: ReadingDep) -> list[PublicEndpointRequestDto]:
    """List the endpoints of a job that may be called without a token."""
    return [
        PublicEndpointRequestDto(
            job_name=job.name, job_version=job.version, endpoint=endpoint, active=True
        )
        for endpoint in uow.public_endpoints.list_active(job.name, job.version)
    ]


@router.get("/job/{job_name}/{job_version}/manifest")
def get_manifest(job: ReadableJob) -> ManifestPayload:
    """Show the manifest of a job as it was written."""
    return ManifestPayload(manifest_yaml=job.manifest_yaml or "")


@router.put("/job/{job_name}/{job_version}/manifest", dependencies=[NotInMaintenance])
def update_manifest(
    payload: ManifestPayload, job: DeployableJob, subject: KnownSubject, services: ServicesDep
) -> Warnings:
    """Replace the manifest of a job; the next redeployment uses it, with a warning if it leaves secrets out."""
    left_out = services.deployments.manifests.edit(job, payload.manifest_yaml, subject)
    return WarningsPayload(warnings=left_out) if left_out else None
