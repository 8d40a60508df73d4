"""The unit of work: one transaction, and the repositories that work in it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from racetrack_commons.entities.dto import ChangeKind
from sqlalchemy import Engine, text

from lifecycle.database.connections import for_reading, translate_error
from lifecycle.database.repositories.any_table import RecordRepository
from lifecycle.database.repositories.async_calls import (
    AsyncCallLeaseRepository,
    AsyncCallRepository,
)
from lifecycle.database.repositories.authentication import (
    AuthTokenRepository,
    BrowserSessionRepository,
    LoginAttemptRepository,
)
from lifecycle.database.repositories.calls import CallRepository
from lifecycle.database.repositories.deployment_lists import DeploymentListRepository
from lifecycle.database.repositories.deployment_tasks import (
    BundleRepository,
    DeploymentTaskRepository,
)
from lifecycle.database.repositories.deployments import DeploymentRepository, ImageRepository
from lifecycle.database.repositories.installation import (
    AuditRepository,
    ChangeRepository,
    SettingRepository,
)
from lifecycle.database.repositories.instances import (
    InstanceRepository,
    InstanceSpecRepository,
    JobUserRepository,
    ProcessRepository,
)
from lifecycle.database.repositories.job_lists import JobListRepository
from lifecycle.database.repositories.jobs import (
    FamilyRepository,
    JobRepository,
    JobSecretRepository,
    TrashRepository,
    VersionPinRepository,
)
from lifecycle.database.repositories.permissions import (
    PermissionRepository,
    PublicEndpointRepository,
)
from lifecycle.database.repositories.subjects import (
    AuthSubjectRepository,
    EscRepository,
    UserRepository,
)
from lifecycle.database.session import WatchingSession
from lifecycle.database.tables.installation import ChangeRow

ChangeListener = Callable[[], None]
"""A function called after each commit that recorded changes, in the thread that committed; it must not block."""

_CHANGES_LOCK = 7202_0002


class UnitOfWork:
    """One transaction: it commits at the end of the `with` block, and rolls back when the block raises."""

    def __init__(self, session: WatchingSession) -> None:
        self.session = session
        self.async_calls = AsyncCallRepository(session)
        self.async_call_leases = AsyncCallLeaseRepository(session)
        self.calls = CallRepository(session)
        self.users = UserRepository(session)
        self.auth_subjects = AuthSubjectRepository(session)
        self.auth_tokens = AuthTokenRepository(session)
        self.browser_sessions = BrowserSessionRepository(session)
        self.login_attempts = LoginAttemptRepository(session)
        self.permissions = PermissionRepository(session)
        self.escs = EscRepository(session)
        self.families = FamilyRepository(session)
        self.audit = AuditRepository(session)
        self.records = RecordRepository(session)
        self.settings = SettingRepository(session)
        self.jobs = JobRepository(session)
        self.job_lists = JobListRepository(session)
        self.deployments = DeploymentRepository(session)
        self.deployment_lists = DeploymentListRepository(session)
        self.deployment_tasks = DeploymentTaskRepository(session)
        self.bundles = BundleRepository(session)
        self.images = ImageRepository(session)
        self.instances = InstanceRepository(session)
        self.instance_specs = InstanceSpecRepository(session)
        self.changes = ChangeRepository(session)
        self.public_endpoints = PublicEndpointRepository(session)
        self.processes = ProcessRepository(session)
        self.job_users = JobUserRepository(session)
        self.job_secrets = JobSecretRepository(session)
        self.trash = TrashRepository(session)
        self.version_pins = VersionPinRepository(session)
        self.change_rows: list[ChangeRow] = []
        self._callbacks: list[Callable[[], None]] = []
        self._is_committed = False

    def record_change(self, kind: ChangeKind, subject: str | None = None) -> None:
        """Record a change, of which readers of the event stream are told after the commit.

        Changes of rows that `session.py` names are recorded by the session.
        """
        self.change_rows.append(
            ChangeRow(kind=kind, subject=subject, create_time=datetime.now(UTC))
        )

    def commit(self) -> None:
        """Commit before the `with` block ends; the end of the block then does nothing.

        Raises RuntimeError when it is called again after more statements.
        """
        if not self._is_committed:
            _write_changes(self)
            self.session.commit()
            self._is_committed = True
        elif self.session.in_transaction():
            raise RuntimeError("a unit of work was used after its commit")

    def check_connection(self) -> None:
        """Send an empty query; raises ServiceUnavailable when the database does not answer."""
        self.session.execute(text("SELECT 1"))

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Call `callback` once this unit of work is committed; it is not called after a rollback."""
        self._callbacks.append(callback)

    def call_back(self) -> None:
        """Call what was to be called after the commit."""
        while self._callbacks:
            self._callbacks.pop(0)()


class ReadingUnitOfWork(UnitOfWork):
    """A unit of work that only reads."""

    def commit(self) -> None:
        """Give the connection back; raises RuntimeError when the block tried to write."""
        session = self.session
        if session.new or session.dirty or session.deleted or self.change_rows:
            raise RuntimeError("a unit of work that was opened for reading was asked to write")
        session.close()
        self.call_back()


class UnitOfWorkFactory:
    """Opens units of work on one database, and calls listeners after commits that recorded changes."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._reading_engine = for_reading(engine)
        self._listeners: list[ChangeListener] = []

    @contextmanager
    def __call__(self) -> Iterator[UnitOfWork]:
        """Open a unit of work that may write."""
        with translate_error(), WatchingSession(self.engine) as session:
            uow = UnitOfWork(session)
            yield uow
            uow.commit()
        self._finish(uow)

    @contextmanager
    def reading(self) -> Iterator[UnitOfWork]:
        """Open a unit of work that only reads; on SQLite it does not wait for writers. It connects at its first query."""
        with translate_error(), WatchingSession(self._reading_engine) as session:
            uow = ReadingUnitOfWork(session)
            yield uow
            uow.commit()

    def add_listener(self, listener: ChangeListener) -> None:
        """Call the listener after each commit that recorded changes in this process."""
        self._listeners.append(listener)

    def remove_listener(self, listener: ChangeListener) -> None:
        """Stop calling the listener."""
        self._listeners.remove(listener)

    def _finish(self, uow: UnitOfWork) -> None:
        uow.call_back()
        if uow.change_rows:
            for listener in list(self._listeners):
                listener()


def _write_changes(uow: UnitOfWork) -> None:
    """Write the changes, numbered in the order of their commits: a reader that saw number 7 has seen all before it.

    PostgreSQL gives out numbers earlier than transactions commit, so those with changes end one
    after the other. It is the last lock that they take; none waits while holding it.
    """
    uow.session.flush()
    for kind in sorted(uow.session.changes):
        uow.record_change(kind)
    if not uow.change_rows:
        return
    if uow.session.get_bind().dialect.name == "postgresql":
        lock = text("SELECT pg_advisory_xact_lock(:number)")
        uow.session.execute(lock, {"number": _CHANGES_LOCK})
    uow.session.add_all(uow.change_rows)
