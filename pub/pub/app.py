"""The gateway, put together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from fastapi import FastAPI
from racetrack_commons.api.app import create_api_app
from racetrack_commons.api.metrics import create_registry
from racetrack_commons.api.probes import ProbeAnswer, Probes
from racetrack_commons.clock import Clock
from racetrack_commons.entities.async_calls_client import AsyncCallsClient
from racetrack_commons.entities.lifecycle_client import LifecycleClient

from pub.async_calls.attempt import AttemptMaker
from pub.async_calls.poll import AsyncCallPoller, Ends
from pub.async_calls.report import Ending
from pub.async_calls.runner import AsyncCallRunner
from pub.async_calls.start import AsyncCallStarter
from pub.changes import ChangeWatcher
from pub.config import Config
from pub.endpoints.async_calls import AsyncCallRoutes
from pub.metrics import PubMetrics
from pub.proxy.connect import JobConnector, Replicas
from pub.proxy.dispatch import Proxy
from pub.proxy.forward import HttpForwarder
from pub.proxy.headers import HeaderRules
from pub.proxy.upstream import UpstreamClient
from pub.proxy.websocket import WebSocketForwarder
from pub.routing.cache import Epochs
from pub.routing.fetcher import Questioner
from pub.routing.resolver import Answers


@dataclass(frozen=True)
class Core:
    """What calls of both kinds go through."""

    config: Config
    clock: Clock
    metrics: PubMetrics
    lifecycle: LifecycleClient
    questioner: Questioner
    answers: Answers
    upstream: UpstreamClient
    connector: JobConnector
    rules: HeaderRules


@dataclass(frozen=True)
class AsyncCalls:
    """What serves async calls."""

    runner: AsyncCallRunner
    ends: Ends
    routes: AsyncCallRoutes
    stopping: asyncio.Event


def create_app(
    config: Config, clock: Clock | None = None, stopping: asyncio.Event | None = None
) -> Proxy:
    """Make the ASGI app of one PUB process; `stopping` is set when the server begins to stop."""
    registry = create_registry()
    core = _create_core(config, clock or Clock(), PubMetrics(registry))
    async_calls = _create_async_calls(core, stopping or asyncio.Event())
    api = create_api_app(
        title="PUB",
        base_path=f"/{config.service_name}",
        probes=create_probes(config, core.answers, core.metrics),
        registry=registry,
        lifespan=lambda _: _run(core, async_calls),
    )
    api.include_router(async_calls.routes.router())
    return _create_proxy(core, api)


def create_probes(config: Config, answers: Answers, metrics: PubMetrics) -> Probes:
    """Make the probes; a gateway that never reached Lifecycle knows no caller and is not ready."""

    async def live() -> ProbeAnswer:
        return ProbeAnswer({"live": True})

    async def ready() -> ProbeAnswer:
        # Once met, Lifecycle may go away: the callers that are known go on calling.
        return ProbeAnswer(
            {"ready": answers.has_met_lifecycle}, 200 if answers.has_met_lifecycle else 503
        )

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

    return Probes("pub", live, ready, health)


def _create_core(config: Config, clock: Clock, metrics: PubMetrics) -> Core:
    lifecycle = LifecycleClient(
        config.lifecycle_url,
        config.lifecycle_auth_token.get_secret_value(),
        config.lifecycle_timeout_seconds,
    )
    epochs = Epochs()
    questioner = Questioner(lifecycle, epochs, clock, metrics)
    answers = Answers(questioner, epochs, config, clock, metrics)
    return Core(
        config=config,
        clock=clock,
        metrics=metrics,
        lifecycle=lifecycle,
        questioner=questioner,
        answers=answers,
        upstream=UpstreamClient(config.connect_timeout_seconds, config.response_timeout_seconds),
        connector=JobConnector(answers, Replicas(clock), metrics, is_debug=config.auth_debug),
        rules=HeaderRules(config.request_tracing_header, config.caller_name_header),
    )


def _create_async_calls(core: Core, stopping: asyncio.Event) -> AsyncCalls:
    store, ends = AsyncCallsClient(core.lifecycle), Ends()
    config, metrics = core.config, core.metrics
    attempts = AttemptMaker(core.connector, core.upstream, core.rules, config, metrics)
    ending = Ending(store, config, metrics)
    runner = AsyncCallRunner(store, attempts, ending, config, core.clock, metrics)
    starter = AsyncCallStarter(core.connector, core.rules, store, runner, config, metrics)
    poller = AsyncCallPoller(store, ends, core.answers, stopping, config, core.clock)
    routes = AsyncCallRoutes(starter, poller, config, metrics)
    return AsyncCalls(runner, ends, routes, stopping)


def _create_proxy(core: Core, api: FastAPI) -> Proxy:
    parts = (core.connector, core.upstream, core.rules, core.metrics)
    http, websocket = HttpForwarder(*parts), WebSocketForwarder(*parts)
    return Proxy(api, http, websocket, core.config, core.metrics)


@asynccontextmanager
async def _run(core: Core, async_calls: AsyncCalls) -> AsyncIterator[None]:
    watcher = ChangeWatcher(core.lifecycle, core.answers, async_calls.ends)
    working = [asyncio.create_task(each) for each in (watcher.run(), async_calls.runner.run())]
    # Polls are requests that the server waits for: they must hear of the end before it does.
    finishing = asyncio.create_task(_finish(core, async_calls))
    yield
    async_calls.stopping.set()
    await finishing
    for task in working:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    await core.questioner.close()
    await core.upstream.close()
    await core.lifecycle.close()


async def _finish(core: Core, async_calls: AsyncCalls) -> None:
    await async_calls.stopping.wait()
    async_calls.ends.announce_all()
    await async_calls.runner.finish(core.config.shutdown_grace_seconds)
