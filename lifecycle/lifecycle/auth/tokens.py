"""Tokens of users, ESCs and job families: signed, and stored."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import SecretStr
from racetrack_client.log.errors import ValidationError
from racetrack_commons.auth.token import AuthSubjectType, AuthTokenPayload, encode_token
from racetrack_commons.clock import Clock

from lifecycle.audit import AuditEvent, AuditEventType, write_event
from lifecycle.auth.authenticate import AuthSubject, make_subject
from lifecycle.database.unit_of_work import UnitOfWork
from lifecycle.domain.auth import AuthSubjectDto, AuthTokenDto


@dataclass(frozen=True)
class Tokens:
    """Creates, finds, replaces and revokes the tokens of subjects."""

    auth_key: SecretStr
    clock: Clock

    def create(
        self, uow: UnitOfWork, subject: AuthSubjectDto, expiry_time: datetime | None = None
    ) -> AuthTokenDto:
        """Sign and store another token of the subject; return it."""
        return uow.auth_tokens.add(subject.id, self.sign(subject), expiry_time, self.clock.now())

    def ensure_valid(self, uow: UnitOfWork, subject: AuthSubjectDto) -> str:
        """Return the newest valid token of the subject; create one if there is none."""
        now = self.clock.now()
        for token in uow.auth_tokens.list_of_subject(subject.id):
            if token.is_valid(now):
                return token.token
        return self.create(uow, subject).token

    def issue(
        self,
        uow: UnitOfWork,
        holder: AuthSubjectDto,
        by: AuthSubject,
        expiry_time: datetime | None = None,
    ) -> AuthTokenDto:
        """Create a token of the holder on behalf of `by`; raises ValidationError if it would have expired already."""
        if expiry_time is not None and expiry_time <= self.clock.now():
            raise ValidationError(f"the token would have expired before it was made: {expiry_time}")
        token = self.create(uow, holder, expiry_time)
        expiry = {"expiry_time": expiry_time.isoformat()} if expiry_time else {}
        self._write_event(uow, AuditEventType.TOKEN_CREATED, holder, by, {"id": token.id, **expiry})
        return token

    def revoke(
        self, uow: UnitOfWork, holder: AuthSubjectDto, token_id: str, by: AuthSubject
    ) -> None:
        """Delete a token of the holder on behalf of `by`; raises EntityNotFound if it is not the holder's."""
        uow.auth_tokens.remove(holder.id, token_id)
        self._write_event(uow, AuditEventType.TOKEN_REVOKED, holder, by, {"id": token_id})

    def regenerate(self, uow: UnitOfWork, holder: AuthSubjectDto, by: AuthSubject) -> str:
        """Invalidate and replace all tokens of the holder; return a valid one."""
        self._replace_all(uow, holder)
        self._write_event(uow, AuditEventType.TOKENS_REGENERATED, holder, by, {})
        return self.ensure_valid(uow, holder)

    def regenerate_all(
        self, uow: UnitOfWork, subject_type: AuthSubjectType, by: AuthSubject
    ) -> None:
        """Regenerate the tokens of all users, ESCs or job families."""
        for holder in uow.auth_subjects.list_of_type(subject_type):
            self._replace_all(uow, holder)
        event = AuditEvent(
            AuditEventType.TOKENS_REGENERATED,
            by.name,
            properties={"holder": f"every {subject_type.replace('_', ' ')}"},
        )
        write_event(uow, event, self.clock.now())

    def sign(self, subject: AuthSubjectDto) -> str:
        """Return the text of a new token, which is valid only once it is stored."""
        payload = AuthTokenPayload(subject=subject.name, subject_type=subject.subject_type)
        return encode_token(payload, self.auth_key.get_secret_value())

    def _replace_all(self, uow: UnitOfWork, holder: AuthSubjectDto) -> None:
        for token in uow.auth_tokens.list_of_subject(holder.id):
            uow.auth_tokens.replace(token.id, self.sign(holder), self.clock.now())

    def _write_event(
        self,
        uow: UnitOfWork,
        event_type: AuditEventType,
        holder: AuthSubjectDto,
        by: AuthSubject,
        properties: dict[str, str],
    ) -> None:
        properties = {"holder": make_subject(holder).description, **properties}
        event = AuditEvent(event_type, by.name, owner=holder.name, properties=properties)
        write_event(uow, event, self.clock.now())
