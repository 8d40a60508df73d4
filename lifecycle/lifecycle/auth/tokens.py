"""Tokens of users, ESCs and job families: signed, and stored."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import SecretStr
from racetrack_commons.auth.scope import AuthSubjectType
from racetrack_commons.auth.token import AuthTokenPayload, encode_token
from racetrack_commons.clock import Clock

from lifecycle.database.dto import AuthSubjectDto, AuthTokenDto
from lifecycle.database.unit_of_work import UnitOfWork


@dataclass(frozen=True)
class Tokens:
    """Makes tokens and finds those there are."""

    auth_key: SecretStr
    clock: Clock

    def create(
        self, uow: UnitOfWork, subject: AuthSubjectDto, expiry_time: datetime | None = None
    ) -> AuthTokenDto:
        """Sign and store another token of the subject."""
        return uow.auth_tokens.add(subject.id, self.sign(subject), expiry_time, self.clock.now())

    def ensure(self, uow: UnitOfWork, subject: AuthSubjectDto) -> str:
        """Return the newest token of the subject that is valid, created if there was none."""
        now = self.clock.now()
        for token in uow.auth_tokens.list_of_subject(subject.id):
            if token.is_valid(now):
                return token.token
        return self.create(uow, subject).token

    def regenerate(self, uow: UnitOfWork, subject: AuthSubjectDto) -> None:
        """Make every token that the subject has invalid, and give it a new one for each."""
        for token in uow.auth_tokens.list_of_subject(subject.id):
            uow.auth_tokens.replace(token.id, self.sign(subject), self.clock.now())

    def regenerate_all(self, uow: UnitOfWork, subject_type: AuthSubjectType) -> None:
        """Regenerate the tokens of all users, ESCs or job families."""
        for subject in uow.auth_subjects.list_of_type(subject_type):
            self.regenerate(uow, subject)

    def sign(self, subject: AuthSubjectDto) -> str:
        """Make a token, which counts only once it is stored."""
        payload = AuthTokenPayload(subject=subject.name, subject_type=subject.subject_type)
        return encode_token(payload, self.auth_key.get_secret_value())
