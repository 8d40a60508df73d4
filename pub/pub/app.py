"""The composition root of the gateway: from its settings to one ASGI app, with the work that runs beside requests."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial

from fastapi import FastAPI
from racetrack_commons.api.app import create_api_app
from racetrack_commons.api.metrics import create_registry
from racetrack_commons.api.probes import ProbeAnswer, Probes
from racetrack_commons.api.server import MakeConnection
from racetrack_commons.clock import Clock
from racetrack_commons.entities.async_calls_client import AsyncCallsClient
from racetrack_commons.entities.lifecycle_client import LifecycleClient

from pub.async_calls.attempt import AttemptMaker
from pub.async_calls.poll import AsyncCallPoller, Completions
from pub.async_calls.report import OutcomeReporter
from pub.async_calls.runner import AsyncCallRunner
from pub.async_calls.start import AsyncCallStarter
from pub.async_calls.visits import AsyncCallVisits
from pub.call_reports import CallReporter
from pub.changes import ChangeFollower
from pub.config import PubConfig
from pub.data_plane.call_head import CallJudge
from pub.data_plane.call_log import CallLog
from pub.data_plane.connection import GatewayConnection
from pub.data_plane.job_answers import AnswerJudge
from pub.data_plane.job_connections import JobConnections
from pub.data_plane.plane import DataPlane
from pub.endpoints.async_calls import AsyncCallRoutes
from pub.endpoints.login import LoginRoutes
from pub.endpoints.own_async_calls import OwnAsyncCallRoutes
from pub.metrics import PubMetrics
from pub.proxy.connect import JobConnector, Replicas
from pub.proxy.dispatch import Proxy
from pub.proxy.headers import HeaderRules
from pub.proxy.refusals import Refusals
from pub.proxy.upstream import UpstreamClient
from pub.proxy.websocket import WebSocketForwarder
from pub.routing.cache import Generations
from pub.routing.fetcher import RouteFetcher
from pub.routing.resolver import RouteResolver


@dataclass(frozen=True)
class Gateway:
    """The gateway as a server needs it."""

    app: Proxy
    """The app of all requests but calls of jobs over HTTP."""
    make_connection: MakeConnection
    """The maker of connections, which forward calls of jobs themselves."""


@dataclass(frozen=True)
class GatewayParts:
    """The objects that direct calls and async calls share."""

    config: PubConfig
    clock: Clock
    metrics: PubMetrics
    lifecycle: LifecycleClient
    fetcher: RouteFetcher
    resolver: RouteResolver
    upstream: UpstreamClient
    replicas: Replicas
    connector: JobConnector
    rules: HeaderRules
    refusals: Refusals


@dataclass(frozen=True)
class AsyncCallParts:
    """The objects that only async calls need."""

    runner: AsyncCallRunner
    completions: Completions
    routes: AsyncCallRoutes
    own_routes: OwnAsyncCallRoutes
    stopping: asyncio.Event


def create_gateway(
    config: PubConfig, clock: Clock | None = None, stopping: asyncio.Event | None = None
) -> Gateway:
    """Make one PUB process; the server sets `stopping` when it begins to stop."""
    registry = create_registry()
    parts = _create_parts(config, clock or Clock(), PubMetrics(registry))
    plane = _create_data_plane(parts)
    async_calls = _create_async_calls(parts, stopping or asyncio.Event())
    api = create_api_app(
        title="PUB",
        base_path=f"/{config.service_name}",
        probes=create_probes(config, parts.resolver, parts.metrics),
        registry=registry,
        lifespan=lambda _: _work_in_background(parts, plane, async_calls),
    )
    api.include_router(async_calls.routes.router())
    api.include_router(async_calls.own_routes.router())
    api.include_router(LoginRoutes(parts.lifecycle).router())
    return Gateway(_create_proxy(parts, api), partial(GatewayConnection, plane))


def create_probes(config: PubConfig, resolver: RouteResolver, metrics: PubMetrics) -> Probes:
    """Make the probes; a gateway that never reached Lifecycle can authorize no caller and is not ready."""

    async def live() -> ProbeAnswer:
        return ProbeAnswer({"live": True})

    async def ready() -> ProbeAnswer:
        # Readiness survives an outage of Lifecycle: callers whose decisions are cached keep calling.
        return ProbeAnswer(
            {"ready": resolver.has_met_lifecycle}, 200 if resolver.has_met_lifecycle else 503
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


def _create_parts(config: PubConfig, clock: Clock, metrics: PubMetrics) -> GatewayParts:
    lifecycle = LifecycleClient(
        config.lifecycle_url,
        config.lifecycle_auth_token.get_secret_value(),
        config.lifecycle_timeout_seconds,
    )
    generations = Generations()
    fetcher = RouteFetcher(lifecycle, generations, clock, metrics)
    resolver = RouteResolver(fetcher, generations, config, clock, metrics)
    replicas = Replicas(clock)
    return GatewayParts(
        config=config,
        clock=clock,
        metrics=metrics,
        lifecycle=lifecycle,
        fetcher=fetcher,
        resolver=resolver,
        upstream=UpstreamClient(
            config.connect_timeout_seconds,
            config.response_timeout_seconds,
            config.websocket_max_message_bytes,
        ),
        replicas=replicas,
        connector=JobConnector(resolver, replicas, metrics, is_debug=config.auth_debug),
        rules=HeaderRules(config.request_tracing_header, config.caller_name_header),
        refusals=Refusals(metrics),
    )


def _create_data_plane(parts: GatewayParts) -> DataPlane:
    config, answers = parts.config, AnswerJudge(parts.rules)
    return DataPlane(
        config=config,
        clock=parts.clock,
        metrics=parts.metrics,
        resolver=parts.resolver,
        connector=parts.connector,
        replicas=parts.replicas,
        calls=CallJudge(parts.rules, config, parts.metrics),
        answers=answers,
        jobs=JobConnections(
            answers, config.connect_timeout_seconds, config.response_timeout_seconds
        ),
        refusals=parts.refusals,
        log=CallLog(),
    )


def _create_async_calls(parts: GatewayParts, stopping: asyncio.Event) -> AsyncCallParts:
    store, completions = AsyncCallsClient(parts.lifecycle), Completions()
    config, metrics = parts.config, parts.metrics
    attempts = AttemptMaker(parts.connector, parts.upstream, parts.rules, config, metrics)
    reporter = OutcomeReporter(store, config, metrics)
    runner = AsyncCallRunner(store, attempts, reporter, config, parts.clock, metrics)
    starter = AsyncCallStarter(parts.connector, parts.rules, store, runner, config, metrics)
    poller = AsyncCallPoller(store, completions, parts.resolver, stopping, config, parts.clock)
    visits = AsyncCallVisits(store, parts.clock)
    routes = AsyncCallRoutes(starter, poller, visits, config, metrics)
    own_routes = OwnAsyncCallRoutes(visits)
    return AsyncCallParts(runner, completions, routes, own_routes, stopping)


def _create_proxy(parts: GatewayParts, api: FastAPI) -> Proxy:
    websocket = WebSocketForwarder(parts.connector, parts.upstream, parts.rules, parts.metrics)
    return Proxy(api, websocket, parts.refusals, parts.config, parts.metrics)


@asynccontextmanager
async def _work_in_background(
    parts: GatewayParts, plane: DataPlane, async_calls: AsyncCallParts
) -> AsyncIterator[None]:
    """Follow changes and run async calls while the app serves; then finish and close the connections."""
    follower = ChangeFollower(
        parts.lifecycle, parts.resolver, async_calls.completions, async_calls.runner
    )
    tally, seconds = parts.metrics.tally, parts.config.call_report_seconds
    reporter = CallReporter(tally, parts.lifecycle, seconds)
    loops = (
        follower.follow_changes(),
        async_calls.runner.renew_and_claim(),
        reporter.report_calls(),
        plane.look_after(),
    )
    working = [asyncio.create_task(each) for each in loops]
    # Polls are open requests that the server waits for: they must be answered before the server can stop.
    finishing = asyncio.create_task(_finish(parts, async_calls))
    yield
    async_calls.stopping.set()
    await finishing
    for task in working:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    await reporter.finish()
    plane.jobs.close()
    await parts.fetcher.close()
    await parts.upstream.close()
    await parts.lifecycle.close()


async def _finish(parts: GatewayParts, async_calls: AsyncCallParts) -> None:
    await async_calls.stopping.wait()
    async_calls.completions.announce_all()
    await async_calls.runner.finish(parts.config.shutdown_grace_seconds)
