"""Changes that staff makes to any record of the database: a last resort, audited like everything else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from racetrack_client.log.errors import ValidationError
from racetrack_commons.clock import Clock
from racetrack_commons.entities.audit import AuditEventType
from racetrack_commons.entities.dto import ChangeKind
from racetrack_commons.entities.records import SECURITY_TABLES

from lifecycle.audit import AuditEvent, write_event
from lifecycle.auth.authenticate import AuthSubject
from lifecycle.auth.passwords.hash_process import Passwords
from lifecycle.auth.passwords.strength import check_password_strength
from lifecycle.auth.tokens import Tokens
from lifecycle.auth.users import check_superuser, check_username
from lifecycle.database.record_tables import Record, RecordChange, RecordTable, get_record_table
from lifecycle.database.record_values import MASK
from lifecycle.database.unit_of_work import UnitOfWork, UnitOfWorkFactory
from lifecycle.deployment.requests.delete import JobDeleter
from lifecycle.domain.auth import TokenText

_USERS, _TOKENS, _JOBS, _FAMILIES = (
    "auth_user",
    "registry_authtoken",
    "registry_job",
    "registry_jobfamily",
)
_KNOWN_HASHES = ("pbkdf2_sha256$", "$argon2")


@dataclass(frozen=True)
class RecordEditor:
    """Adds, changes and deletes records of any table, and audits it."""

    unit_of_work: UnitOfWorkFactory
    deleter: JobDeleter
    passwords: Passwords
    tokens: Tokens
    clock: Clock

    def add(self, table_name: str, values: Record, staff: AuthSubject) -> Record:
        """Add a record; return the given values with its key, and its token if one was generated."""
        table = self._require_writable(table_name, staff)
        _check_not_masked(table, values)
        hashed = self._hash_password(table, values)
        if table.name == _USERS:
            check_username(str(values.get("username", "")))
        with self.unit_of_work() as uow:
            prepared = self._sign_token(uow, table, hashed)
            change = uow.records.add(table, _digest_token(table, prepared))
            self._seal_token(uow, table, change.key, prepared)
            self._record(uow, AuditEventType.RECORD_CREATED, table, change, staff)
            key_column = table.primary_key.name
            key = uow.records.get(table, change.key)[key_column]
        given = {name: MASK if name in table.secret_columns else values[name] for name in values}
        made = {name: prepared[name] for name in prepared if not values.get(name)}
        return {**given, **made, key_column: key}

    def change(self, table_name: str, key: str, values: Record, staff: AuthSubject) -> None:
        """Change columns of a record."""
        table = self._require_writable(table_name, staff)
        hashed = self._hash_password(table, values)
        with self.unit_of_work() as uow:
            if table.name == _USERS:
                _check_new_username(uow.records.get(table, key), values)
            change = uow.records.change(table, key, _digest_token(table, hashed))
            self._seal_token(uow, table, key, hashed)
            self._record(uow, AuditEventType.RECORD_CHANGED, table, change, staff)

    def remove(self, table_name: str, keys: Sequence[str], staff: AuthSubject) -> None:
        """Delete records and the rows that belong to them, all or none; running jobs are stopped first."""
        table = self._require_writable(table_name, staff)
        with self.unit_of_work.reading() as uow:
            records = [uow.records.get(table, key) for key in keys]
        self._stop_jobs(table, records, staff)
        with self.unit_of_work() as uow:
            for key in keys if table.name != _JOBS else ():
                uow.records.remove(table, key)
                change = RecordChange(key, {})
                self._record(uow, AuditEventType.RECORD_DELETED, table, change, staff)

    def _require_writable(self, name: str, staff: AuthSubject) -> RecordTable:
        table = get_record_table(name)
        if table.is_read_only:
            raise ValidationError(f"table {name} can't be changed: it says what was done")
        if name in SECURITY_TABLES:
            with self.unit_of_work.reading() as uow:
                check_superuser(uow, staff)
        return table

    def _stop_jobs(self, table: RecordTable, records: list[Record], staff: AuthSubject) -> None:
        """Delete jobs as usual, because deleting only their rows would leave them running."""
        if table.name not in (_JOBS, _FAMILIES):
            return
        with self.unit_of_work.reading() as uow:
            jobs = [
                job
                for record in records
                for job in uow.jobs.list_family(record["name"])
                if table.name == _FAMILIES or job.id == record["id"]
            ]
        for job in jobs:
            self.deleter.delete(job, staff)

    def _sign_token(self, uow: UnitOfWork, table: RecordTable, values: Record) -> Record:
        if table.name != _TOKENS or values.get("token"):
            return values
        if not values.get("auth_subject_id"):
            raise ValidationError("say whose token it is: auth_subject_id")
        subject = uow.auth_subjects.get(str(values["auth_subject_id"]))
        return {**values, "token": self.tokens.sign(subject)}

    def _seal_token(self, uow: UnitOfWork, table: RecordTable, key: str, values: Record) -> None:
        text = values.get("token")
        if table.name == _TOKENS and isinstance(text, str) and text != MASK:
            uow.auth_tokens.set_text(key, self.tokens.seal(text))

    def _hash_password(self, table: RecordTable, values: Record) -> Record:
        password = values.get("password")
        if table.name != _USERS or not isinstance(password, str) or password == MASK:
            return values
        if password.startswith(_KNOWN_HASHES):
            return values
        check_password_strength(password, str(values.get("username", "")))
        return {**values, "password": self.passwords.hash(password)}

    def _record(
        self,
        uow: UnitOfWork,
        event_type: AuditEventType,
        table: RecordTable,
        change: RecordChange,
        staff: AuthSubject,
    ) -> None:
        properties: dict[str, Any] = {"table": table.name, "id": change.key, **change.properties}
        event = AuditEvent(event_type, staff.name, properties=properties)
        write_event(uow, event, self.clock.now())
        if table.name in (_JOBS, _FAMILIES):
            uow.record_change(ChangeKind.JOB)


def _check_new_username(before: Record, values: Record) -> None:
    """Refuse to rename a user to a name that a new user could not have; older users keep their names."""
    username = str(values.get("username", before["username"]))
    if username != before["username"]:
        check_username(username)


def _digest_token(table: RecordTable, values: Record) -> Record:
    """Return the values with the digest of a token in place of its text, which no record keeps."""
    text = values.get("token")
    if table.name != _TOKENS or not isinstance(text, str) or text == MASK:
        return values
    return {**values, "token": TokenText(text=text).digest}


def _check_not_masked(table: RecordTable, values: Mapping[str, Any]) -> None:
    masked = [name for name in table.secret_columns if values.get(name) == MASK]
    if masked:
        raise ValidationError(f"say what {', '.join(masked)} shall be, and not {MASK}")
