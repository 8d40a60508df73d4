"""Passwords: how they are kept, and which are good enough."""

import base64
import hashlib
import hmac

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from racetrack_client.log.errors import ValidationError

from lifecycle.auth.common_passwords import COMMON_PASSWORDS

MIN_PASSWORD_LENGTH = 8
_MAX_PASSWORD_LENGTH = 1024
_OLDER_ALGORITHM = "pbkdf2_sha256"


class WeakPassword(ValidationError):
    """The password is too easy to guess."""


class Passwords:
    """Hashes passwords with argon2, and verifies those of older installations too."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        self._dummy_hash = self._hasher.hash("a user who does not exist")

    def hash(self, password: str) -> str:
        """Hash a password, to be stored."""
        return self._hasher.hash(password)

    def is_correct(self, password: str, stored: str | None) -> bool:
        """Tell whether it is the password; without a stored hash it takes as long and is not."""
        if stored is None:
            self._verify(password, self._dummy_hash)
            return False
        if stored.startswith(f"{_OLDER_ALGORITHM}$"):
            return _verify_older(password, stored)
        return self._verify(password, stored)

    def is_outdated(self, stored: str) -> bool:
        """Tell whether a correct password should be hashed again."""
        if stored.startswith(f"{_OLDER_ALGORITHM}$"):
            return True
        return self._hasher.check_needs_rehash(stored)

    def _verify(self, password: str, stored: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False


def check_password_strength(password: str) -> None:
    """Refuse a password that is easy to guess."""
    if not password:
        raise WeakPassword("the password is empty")
    if len(password) < MIN_PASSWORD_LENGTH:
        raise WeakPassword(f"the password needs {MIN_PASSWORD_LENGTH} characters at least")
    if len(password) > _MAX_PASSWORD_LENGTH:
        raise WeakPassword(f"the password may have {_MAX_PASSWORD_LENGTH} characters at most")
    if password.isdigit():
        raise WeakPassword("the password must not consist of digits only")
    if password.strip().lower() in COMMON_PASSWORDS:
        raise WeakPassword("the password is one of those that everybody tries first")


def _verify_older(password: str, stored: str) -> bool:
    try:
        _, iterations, salt, digest = stored.split("$")
        expected = base64.b64decode(digest, validate=True)
        rounds = int(iterations)
    except ValueError:
        return False
    actual = hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), rounds)
    return hmac.compare_digest(actual, expected)
