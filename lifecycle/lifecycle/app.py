"""The composition root of Lifecycle: it builds the parts from the settings, and the app from the parts."""

import contextlib
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from importlib import import_module
from pathlib import Path

from anyio import to_thread
from fastapi import FastAPI
from racetrack_client.log.errors import ServiceUnavailable
from racetrack_client.log.logs import get_logger
from racetrack_commons.api.app import ApiOptions, create_api_app
from racetrack_commons.api.asgi_layers import BoundedApp, LazyApp

from lifecycle import __version__
from lifecycle.auth.authenticate import Authenticator
from lifecycle.auth.browser_sessions import BrowserSessions
from lifecycle.auth.password_check import AttemptLimits, PasswordCheck
from lifecycle.auth.passwords.hash_process import Passwords
from lifecycle.auth.tokens import Tokens
from lifecycle.auth.users import FirstAdminSettings, Users, create_first_admin
from lifecycle.config import Config
from lifecycle.core import Core, create_core
from lifecycle.database.connections import connect, postgres_schema
from lifecycle.database.migrations.revision import check_current, migrate
from lifecycle.deployment.attempt.failure import DeploymentFailed
from lifecycle.deployment.wiring import create_deployments
from lifecycle.domain.secrets import SecretBox, SecretsUnreadable
from lifecycle.endpoints import (
    async_calls,
    audit,
    call_counts,
    database_records,
    deploy,
    job,
    job_logs,
    manifests,
    plugin_admin,
    plugins,
    service_state,
)
from lifecycle.endpoints.access import callers, calls, escs, permissions, sessions, tokens, users
from lifecycle.endpoints.dependencies import LifecycleServices, is_of_known_caller
from lifecycle.endpoints.introduction import GROUPS, INTRODUCTION
from lifecycle.endpoints.lists import deployments as deployment_lists
from lifecycle.endpoints.lists import jobs
from lifecycle.endpoints.plugin_admin import PluginActionFailed
from lifecycle.endpoints.presenting import make_pub_url
from lifecycle.endpoints.route_threads import RouteThreads
from lifecycle.endpoints.service_state import HealthProbes
from lifecycle.event_stream.changes import ChangeFeed, ChangeSockets
from lifecycle.event_stream.followed_logs import LogSources
from lifecycle.event_stream.gateways import GatewayStreams
from lifecycle.job.job_texts import JobTexts
from lifecycle.record_editor import RecordEditor

logger = get_logger(__name__)

_ADMIN_PANEL = "lifecycle.admin.panel"
_LOG_SOCKET = "lifecycle.event_stream.log_socket"
_MOST_LOG_CONNECTIONS = 500
_ROUTERS = (
    service_state.router,
    sessions.router,
    users.router,
    calls.router,
    permissions.router,
    tokens.router,
    escs.router,
    audit.router,
    call_counts.router,
    plugins.router,
    plugin_admin.router,
    deploy.router,
    deployment_lists.router,
    async_calls.router,
    jobs.router,
    job.router,
    callers.router,
    job_logs.router,
    manifests.router,
    database_records.router,
)

_EXPLAINED_FAULTS = (DeploymentFailed, SecretsUnreadable, PluginActionFailed)
"""Errors of this component whose text callers may read, though their status is 500."""


def create_app(config: Config) -> FastAPI:
    """Build the app of Lifecycle; its threads start when the app begins to serve."""
    prepare_database(config)
    core = create_core(config)
    services = create_services(core)
    create_admin(core, services.tokens)
    app = create_api_app(
        title="Lifecycle API Server",
        base_path="/lifecycle",
        probes=HealthProbes(core).probes(),
        registry=core.metrics_registry,
        lifespan=lambda _: _work_in_background(core, services),
        options=ApiOptions(
            version=__version__,
            description=INTRODUCTION,
            groups=GROUPS,
            error_statuses=dict.fromkeys(_EXPLAINED_FAULTS, 500),
            paths_without_cors=("/admin",),
            is_known=partial(is_of_known_caller, services.sessions),
            turns=services.threads.strangers,
            quiet_paths=frozenset((*async_calls.ROUTINE_PATHS, call_counts.REPORT_PATH)),
        ),
    )
    app.state.services = services
    for router in _ROUTERS:
        app.include_router(router)
    app.include_router(ChangeSockets(services.changes, services.metrics).router())
    add_lazy_apps(app, services)
    return app


def prepare_database(config: Config) -> None:
    """Migrate the tables; raise TablesOutdated when they are outdated and the settings forbid to migrate."""
    engine = connect(config)
    try:
        if config.migrate_on_start:
            migrate(engine, postgres_schema(config), SecretBox(config.secret_key).encrypt)
        else:
            check_current(engine)
    finally:
        engine.dispose()


def add_lazy_apps(app: FastAPI, services: LifecycleServices) -> None:
    """Mount the admin panel, and Socket.IO for followers of logs; their modules are imported at the first request."""
    panel = LazyApp(lambda: import_module(_ADMIN_PANEL).create_panel(services))
    socket = LazyApp(lambda: import_module(_LOG_SOCKET).create_log_socket(services.logs))
    app.mount("/admin", panel)
    app.mount("/socket.io", BoundedApp(socket, _MOST_LOG_CONNECTIONS))


def create_services(core: Core) -> LifecycleServices:
    """Build the services that the routes use."""
    tokens = Tokens(core.config.auth_key, core.secret_box, core.clock)
    authenticator = Authenticator(
        auth_key=core.config.auth_key,
        clock=core.clock,
        reading=core.unit_of_work.reading,
        writing=core.unit_of_work,
        auth_required=core.config.auth_required,
    )
    browser_sessions = BrowserSessions(
        authenticator, timedelta(hours=core.config.browser_session_hours)
    )
    users = create_users(core, tokens)
    deployments = create_deployments(core)
    changes = ChangeFeed(core.unit_of_work)
    return LifecycleServices(
        **vars(core),
        authenticator=authenticator,
        sessions=browser_sessions,
        users=users,
        tokens=tokens,
        threads=RouteThreads(core.clock),
        changes=changes,
        gateways=GatewayStreams(changes, core.unit_of_work, core.clock),
        logs=LogSources(
            core.unit_of_work,
            core.infrastructure,
            browser_sessions,
            allow_anonymous=core.config.allow_anonymous_log_following,
        ),
        deployments=deployments,
        records=RecordEditor(
            core.unit_of_work, deployments.deleter, users.passwords, tokens, core.clock
        ),
        job_texts=JobTexts(make_pub_url(core.config)),
    )


def create_users(core: Core, tokens: Tokens) -> Users:
    """Build the use cases of user accounts."""
    limits = AttemptLimits(
        per_account=core.config.login_attempts_per_account,
        per_address=core.config.login_attempts_per_address,
        registrations=core.config.registrations_per_address,
        window=timedelta(minutes=core.config.login_attempts_minutes),
    )
    passwords = Passwords()
    check = PasswordCheck(core.unit_of_work, passwords, limits, core.clock)
    scopes = core.config.registered_user_scopes
    return Users(core.unit_of_work, passwords, check, tokens, core.clock, scopes)


def create_admin(core: Core, tokens: Tokens) -> None:
    """Add the first user of a fresh installation; hand over its password once, if it was generated."""
    config = core.config
    settings = FirstAdminSettings(config.development_mode, config.admin_password)
    with core.unit_of_work.reading() as uow:
        if not uow.users.is_empty():
            return
    with core.unit_of_work() as uow:
        generated = create_first_admin(uow, settings, tokens)
        if generated is not None:
            hand_over_password(generated, config.first_password_file.absolute())


def hand_over_password(password: str, file: Path) -> None:
    """Show the first user's password on the terminal, or keep it in a file: what goes elsewhere ends in logs."""
    if sys.stdout.isatty():
        print(f"User admin was created with the password {password}: note it")  # noqa: T201
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        file.touch(mode=0o600, exist_ok=False)
        file.write_text(f"{password}\n")
    except OSError as error:
        raise ServiceUnavailable(
            f"the first user's password can't be kept in {file} ({error}): set ADMIN_PASSWORD, or FIRST_PASSWORD_FILE"
        ) from error
    logger.info(f"user admin was created; its password is in {file}, until you remove the file")


@contextlib.asynccontextmanager
async def _work_in_background(core: Core, services: LifecycleServices) -> AsyncIterator[None]:
    threads = core.config.http_worker_thread_pool
    if threads is not None:
        to_thread.current_default_thread_limiter().total_tokens = threads
    services.changes.start()
    services.gateways.start()
    services.deployments.start()
    try:
        yield
    finally:
        services.deployments.stop()
        services.changes.stop()
        core.close()
