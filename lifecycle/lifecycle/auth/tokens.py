"""Tokens of users, ESCs and job families: signed, and stored as digests, encrypted where they are shown again."""

from dataclasses import dataclass, field
from datetime import datetime

from pydantic import SecretStr
from racetrack_client.log.errors import ValidationError
from racetrack_client.log.logs import get_logger
from racetrack_commons.auth.token import AuthSubjectType, AuthTokenPayload, encode_token
from racetrack_commons.clock import Clock
from racetrack_commons.entities.audit import AuditEventType

from lifecycle.audit import AuditEvent, write_event
from lifecycle.auth.authenticate import AuthSubject, make_subject
from lifecycle.database.unit_of_work import UnitOfWork
from lifecycle.domain.auth import AuthSubjectDto, AuthTokenDto, TokenText
from lifecycle.domain.secrets import SecretBox, SecretsUnreadable

logger = get_logger(__name__)


@dataclass(frozen=True)
class StoredToken:
    """A token that was just made."""

    row: AuthTokenDto
    text: str = field(repr=False)


@dataclass(frozen=True)
class Tokens:
    """Creates, finds, replaces and revokes the tokens of subjects."""

    auth_key: SecretStr
    secret_box: SecretBox
    clock: Clock

    def create(
        self, uow: UnitOfWork, subject: AuthSubjectDto, expiry_time: datetime | None = None
    ) -> StoredToken:
        """Sign and store another token of the subject; return it with its text."""
        return self.store(uow, subject, self.sign(subject), expiry_time)

    def store(
        self,
        uow: UnitOfWork,
        subject: AuthSubjectDto,
        text: str,
        expiry_time: datetime | None = None,
    ) -> StoredToken:
        """Store a token of the subject that is signed already; return it with its text."""
        row = uow.auth_tokens.add(subject.id, self.seal(text), expiry_time, self.clock.now())
        return StoredToken(row, text)

    def seal(self, text: str) -> TokenText:
        """Return the forms in which the database keeps a token."""
        return TokenText(text=text, sealed=self.secret_box.encrypt(text.encode()))

    def find_text(self, token: AuthTokenDto) -> str | None:
        """Return the text of a stored token; None when it was shown once, or encrypted with another `SECRET_KEY`."""
        try:
            return self.secret_box.decrypt(token.sealed).decode() if token.sealed else None
        except SecretsUnreadable:
            logger.warning(
                f"the text of token {token.id} can't be decrypted: was SECRET_KEY changed?"
                " the token stays valid; where its text is needed, another one is made"
            )
            return None

    def ensure_valid(self, uow: UnitOfWork, subject: AuthSubjectDto) -> str:
        """Return the newest valid token of the subject whose text is kept; create one if there is none."""
        now = self.clock.now()
        for token in uow.auth_tokens.list_of_subject(subject.id):
            if token.is_valid(now) and (text := self.find_text(token)):
                return text
        return self.create(uow, subject).text

    def issue(
        self,
        uow: UnitOfWork,
        holder: AuthSubjectDto,
        by: AuthSubject,
        expiry_time: datetime | None = None,
    ) -> StoredToken:
        """Create a token of the holder on behalf of `by`; raises ValidationError if it would have expired already."""
        if expiry_time is not None and expiry_time <= self.clock.now():
            raise ValidationError(f"the token would have expired before it was made: {expiry_time}")
        text = self.sign(holder)
        row = uow.auth_tokens.add(
            holder.id, self._prepare(holder, text), expiry_time, self.clock.now()
        )
        expiry = {"expiry_time": expiry_time.isoformat()} if expiry_time else {}
        self._write_event(uow, AuditEventType.TOKEN_CREATED, holder, by, {"id": row.id, **expiry})
        return StoredToken(row, text)

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

    def _prepare(self, holder: AuthSubjectDto, text: str) -> TokenText:
        """Return the forms of an issued token: that of a user is never shown again, so its text is not kept."""
        return (
            TokenText(text=text) if holder.subject_type == AuthSubjectType.USER else self.seal(text)
        )

    def _replace_all(self, uow: UnitOfWork, holder: AuthSubjectDto) -> None:
        for token in uow.auth_tokens.list_of_subject(holder.id):
            uow.auth_tokens.replace(token.id, self.seal(self.sign(holder)), self.clock.now())

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
