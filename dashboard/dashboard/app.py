"""The composition root of the dashboard: from its settings to one ASGI app, with the stream of changes beside it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path

import httpx
from fastapi import APIRouter
from nicegui import __version__ as library_version
from nicegui import ui
from prometheus_client import Gauge
from racetrack_commons.api.app import ApiOptions, create_api_app
from racetrack_commons.api.metrics import create_registry
from racetrack_commons.api.probes import ProbeAnswer, Probes
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from dashboard.client.api import LifecycleApi
from dashboard.client.bulk_deletion import BulkDeletions
from dashboard.client.changes import ChangeStream
from dashboard.config import DashboardConfig
from dashboard.pages.platform.manual import IMAGES_PATH, SOURCE_DOCS
from dashboard.site import Site
from dashboard.visit import SharedServices
from dashboard.web.login import SessionRoutes
from dashboard.web.proxy import LifecycleProxy
from dashboard.web.security import SameOriginOnly
from dashboard.web.session import BASE_PATH, SessionCookies
from dashboard.web.static_files import STATIC, CompressedFiles

_MOST_UPSTREAM = 1000


def create_app(config: DashboardConfig) -> ASGIApp:
    """Make the ASGI app of the dashboard. Its pages' library has one app for each process: call this once."""
    shared = _create_shared(config)
    registry = create_registry()
    connected = Gauge(
        "dashboard_lifecycle_connected",
        "1 while the stream of changes from Lifecycle is connected",
        registry=registry,
    )
    connected.set_function(lambda: float(shared.feed.is_connected))
    api = create_api_app(
        title="Dashboard",
        base_path=BASE_PATH,
        probes=create_probes(shared),
        registry=registry,
        lifespan=lambda _: _work_in_background(shared),
        options=ApiOptions(
            paths_without_cors=("",), has_docs=False, quiet_prefixes=("/_nicegui", "/static")
        ),
    )
    api.include_router(_status_router(shared))
    cookies, key = SessionCookies(config.get_pub_url()), config.forwarding_key
    api.include_router(SessionRoutes(shared.api, cookies, key).router())
    api.include_router(LifecycleProxy(shared.http, config.lifecycle_url, key).router())
    api.mount("/static", StaticFiles(directory=STATIC))
    images = Path(config.docs_dir or SOURCE_DOCS) / "images"
    api.mount(IMAGES_PATH, StaticFiles(directory=images, check_dir=False))
    Site(shared).add_pages()
    ui.run_with(
        api,
        tailwind=False,
        language="en-US",
        show_welcome_message=False,
        reconnect_timeout=20,
    )
    return SameOriginOnly(CompressedFiles(api, library_version))


def create_probes(shared: SharedServices) -> Probes:
    """Make the probes; the dashboard is ready while Lifecycle is."""

    async def ready() -> ProbeAnswer:
        is_ready = await _is_lifecycle_ready(shared)
        body = {"service": "dashboard", "ready": is_ready}
        return ProbeAnswer(body, 200 if is_ready else 503)

    async def health() -> ProbeAnswer:
        return ProbeAnswer(await _describe(shared))

    return Probes("dashboard", None, ready, health)


def _create_shared(config: DashboardConfig) -> SharedServices:
    http = httpx.AsyncClient(
        timeout=httpx.Timeout(config.lifecycle_timeout_seconds, connect=5),
        limits=httpx.Limits(max_connections=_MOST_UPSTREAM, max_keepalive_connections=20),
        trust_env=False,
        # All visitors share this client: what a job sets for one of them must not reach another one.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
    )
    url = config.lifecycle_url.rstrip("/")
    feed = ChangeStream(url)
    return SharedServices(config, http, LifecycleApi(http, url), feed, BulkDeletions(feed.tell))


def _status_router(shared: SharedServices) -> APIRouter:
    router = APIRouter(tags=["platform"])

    @router.get("/api/status")
    async def get_status() -> dict[str, object]:
        """Show version and addresses of the platform."""
        config = shared.config
        return {
            **(await _describe(shared)),
            "lifecycle_url": config.get_lifecycle_url(),
            "external_pub_url": config.get_pub_url(),
            "grafana_url": config.find_grafana_url(),
            "site_name": config.site_name,
        }

    return router


async def _describe(shared: SharedServices) -> dict[str, object]:
    return {
        "service": "dashboard",
        "live": True,
        "ready": await _is_lifecycle_ready(shared),
        "git_version": shared.config.git_version,
        "docker_tag": shared.config.docker_tag,
    }


async def _is_lifecycle_ready(shared: SharedServices) -> bool:
    try:
        answer = await shared.http.get(f"{shared.api.url}/ready", timeout=5)
    except httpx.RequestError:
        return False
    return answer.is_success


@asynccontextmanager
async def _work_in_background(shared: SharedServices) -> AsyncIterator[None]:
    """Follow the changes while the app serves; then close the connections."""
    following = asyncio.create_task(shared.feed.follow())
    yield
    await shared.deletions.stop()
    following.cancel()
    with suppress(asyncio.CancelledError):
        await following
    await shared.http.aclose()
