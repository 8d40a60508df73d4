"""The gateway, put together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI
from racetrack_commons.api.app import create_api_app
from racetrack_commons.api.metrics import create_registry
from racetrack_commons.clock import Clock
from racetrack_commons.entities.lifecycle_client import LifecycleClient

from pub.config import Config
from pub.endpoints.probes import create_probes
from pub.metrics import PubMetrics
from pub.proxy.app import Proxy
from pub.proxy.connect import JobConnector
from pub.proxy.forward import HttpForwarder
from pub.proxy.headers import HeaderRules
from pub.proxy.websocket import WebSocketForwarder
from pub.routing.answers import Answers
from pub.routing.memory import Epochs
from pub.routing.questions import Questioner
from pub.routing.watch import ChangeWatcher
from pub.upstream.client import UpstreamClient
from pub.upstream.replicas import Replicas


def create_app(config: Config, clock: Clock | None = None) -> Proxy:
    """Make the ASGI app of one PUB process."""
    clock = clock or Clock()
    registry = create_registry()
    metrics = PubMetrics(registry)
    lifecycle = LifecycleClient(
        config.lifecycle_url,
        config.lifecycle_auth_token.get_secret_value(),
        config.lifecycle_timeout_seconds,
    )
    epochs = Epochs()
    questioner = Questioner(lifecycle, epochs, clock, metrics)
    answers = Answers(questioner, epochs, config, clock, metrics)
    upstream = UpstreamClient(config.connect_timeout_seconds, config.response_timeout_seconds)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        watching = asyncio.create_task(ChangeWatcher(lifecycle, answers).run())
        yield
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
        await questioner.close()
        await upstream.close()
        await lifecycle.close()

    api = create_api_app(
        title="PUB",
        base_path=f"/{config.service_name}",
        probes=create_probes(config, answers, metrics),
        registry=registry,
        lifespan=lifespan,
    )
    connector = JobConnector(answers, Replicas(clock), metrics, is_debug=config.auth_debug)
    rules = HeaderRules(config.request_tracing_header, config.caller_name_header)
    return Proxy(
        api,
        HttpForwarder(connector, upstream, rules, metrics),
        WebSocketForwarder(connector, upstream, rules, metrics),
        config,
        metrics,
    )
