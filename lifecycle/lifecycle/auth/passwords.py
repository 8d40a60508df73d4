"""How passwords are kept."""

import base64
import hashlib
import hmac
import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_MOST_AT_ONCE = 2
"""Each takes 19 MiB and a core for a while; whoever sends many passwords waits."""
_OLDER_ALGORITHM = "pbkdf2_sha256"


class Passwords:
    """Hashes passwords with argon2, and verifies those of older installations too."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        self._dummy_hash = self._hasher.hash("a user who does not exist")
        self._turns = threading.BoundedSemaphore(_MOST_AT_ONCE)

    def hash(self, password: str) -> str:
        """Hash a password, to be stored."""
        with self._turns:
            return self._hasher.hash(password)

    def is_correct(self, password: str, stored: str | None) -> bool:
        """Tell whether it is the password; without a stored hash it takes as long and is not."""
        with self._turns:
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


def _verify_older(password: str, stored: str) -> bool:
    try:
        _, iterations, salt, digest = stored.split("$")
        expected = base64.b64decode(digest, validate=True)
        rounds = int(iterations)
    except ValueError:
        return False
    if rounds < 1:
        return False
    actual = hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), rounds)
    return hmac.compare_digest(actual, expected)
