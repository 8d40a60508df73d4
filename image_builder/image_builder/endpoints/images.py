"""Keeping images as long as they are needed."""

from fastapi import APIRouter
from racetrack_commons.entities.dto import PrunePayload, PruneResult

from image_builder.endpoints.dependencies import InternalCaller, ServicesDep

router = APIRouter(prefix="/api/v1/images", tags=["images"])


@router.post("/prune")
def prune_images(payload: PrunePayload, services: ServicesDep, _: InternalCaller) -> PruneResult:
    """Note which images are needed, and remove those that have not been for `image_retention_hours`."""
    return PruneResult(removed=services.prune(frozenset(payload.needed)))
