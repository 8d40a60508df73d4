"""What Lifecycle says about itself."""

from fastapi import APIRouter, Request
from pydantic import BaseModel

from lifecycle.config import Config
from lifecycle.endpoints.dependencies import ServicesDep

router = APIRouter(prefix="/api/v1", tags=["API"])


class InfoPayload(BaseModel):
    """Where the platform is."""

    service: str = "lifecycle"
    git_version: str
    docker_tag: str
    auth_required: bool
    external_pub_url: str
    lifecycle_url: str
    grafana_url: str


@router.get("/info")
def get_info(request: Request, services: ServicesDep) -> InfoPayload:
    """Show version and addresses of the platform."""
    config = services.config
    cluster = _cluster_url(config)
    own_url = (
        config.external_lifecycle_url or f"{request.url.scheme}://{request.url.netloc}/lifecycle"
    )
    return InfoPayload(
        git_version=config.git_version,
        docker_tag=config.docker_tag,
        auth_required=config.auth_required,
        external_pub_url=f"{cluster}/pub" if cluster else config.external_pub_url,
        lifecycle_url=f"{cluster}/lifecycle" if cluster else own_url,
        grafana_url=f"{cluster}/grafana" if cluster else config.external_grafana_url,
    )


def _cluster_url(config: Config) -> str | None:
    if not config.cluster_fqdn:
        return None
    return f"https://{config.racetrack_subdomain}.{config.cluster_fqdn}"
