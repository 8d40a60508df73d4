"""The gateway, put together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI
from racetrack_commons.api.app import create_api_app
from racetrack_commons.api.metrics import create_registry
from racetrack_commons.api.probes import ProbeAnswer, Probes
from racetrack_commons.entities.lifecycle_client import LifecycleClient

from pub.config import Config
from pub.metrics import PubMetrics
from pub.proxy.app import Proxy
from pub.routing.answers import Answers
from pub.routing.watch import watch_changes


def create_app(config: Config) -> Proxy:
    """Make the ASGI app of one PUB process."""
    registry = create_registry()
    metrics = PubMetrics(registry)
    lifecycle = LifecycleClient(
        config.lifecycle_url, config.lifecycle_auth_token.get_secret_value()
    )
    answers = Answers(lifecycle, config, metrics)

    async def health() -> ProbeAnswer:
        metrics.count("pub_health_requests")
        return ProbeAnswer(
            {
                "service": "pub",
                "version": config.git_version,
                "status": "pass",
                "auth_required": config.auth_required,
            }
        )

    async def live() -> ProbeAnswer:
        return ProbeAnswer({"live": True})

    async def ready() -> ProbeAnswer:
        return ProbeAnswer({"ready": True})

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        watching = asyncio.create_task(watch_changes(answers))
        yield
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
        if proxy.upstream is not None:
            await proxy.upstream.close()
        await lifecycle.close()

    api = create_api_app(
        title="PUB",
        base_path=f"/{config.service_name}",
        probes=Probes("pub", live, ready, health),
        registry=registry,
        lifespan=lifespan,
    )
    proxy = Proxy(api, config, answers, metrics)
    return proxy
