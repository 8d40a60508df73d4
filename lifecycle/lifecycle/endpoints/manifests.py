"""Routes for people who write a manifest: its review, and its JSON Schema."""

from functools import cache
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel
from racetrack_client.manifest.schema import make_manifest_schema
from racetrack_commons.entities.manifests import ManifestReview

from lifecycle.endpoints.dependencies import CommittingRoute, CurrentSubject
from lifecycle.job.manifest_review import review_manifest

router = APIRouter(prefix="/api/v1/manifest", tags=["jobs"], route_class=CommittingRoute)
_get_schema = cache(make_manifest_schema)


class ReviewedManifestPayload(BaseModel):
    """A manifest as it was written so far."""

    manifest_yaml: str


@router.post("/check")
def check_manifest(payload: ReviewedManifestPayload, _: CurrentSubject) -> ManifestReview:
    """Show every error and warning of a manifest, with its line; nothing is stored."""
    return review_manifest(payload.manifest_yaml)


@router.get("/schema")
def get_schema() -> dict[str, Any]:
    """Show the JSON Schema of manifests, for editors."""
    return _get_schema()
