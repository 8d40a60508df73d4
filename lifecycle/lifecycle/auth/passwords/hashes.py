"""Hashes of passwords; as a program, it computes them for another process, one question a line.

Hashes need a low priority: strangers may ask for many, and each takes a core. A thread of low priority would not do. When it gets
the interpreter's lock on a busy machine, and the machine then runs something else, the whole service waits for the lock.
"""

import base64
import hashlib
import hmac
import json
import os
import sys

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from racetrack_commons.closed_process import close_process

NICENESS = 15
"""On a machine without a free core, a hash gets a thirtieth of one. With less, log-ins would take many seconds."""
HASH_OF_NOTHING = "$argon2id$v=19$m=19456,t=2,p=1$1diPOU4rRpOEa9UPapVtEQ$FJFLRFJe7jVNKrzE9psF4bO+ir2muQ3hgR2EMKGR1eY"
"""The hash of a random text; to compare with it takes as long as with the hash of a user."""
_OLDER_ALGORITHM = "pbkdf2_sha256"


def hash_password(password: str) -> str:
    """Return the hash of a password, to be stored."""
    return _make_hasher().hash(password)


def is_hash_of(password: str, stored: str) -> bool:
    """Return whether the password has this hash, which argon2 or an older installation made."""
    if stored.startswith(f"{_OLDER_ALGORITHM}$"):
        return _is_older_hash_of(password, stored)
    try:
        return _make_hasher().verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(stored: str) -> bool:
    """Return whether a correct password should be hashed again."""
    is_older = stored.startswith(f"{_OLDER_ALGORITHM}$")
    return is_older or _make_hasher().check_needs_rehash(stored)


def _make_hasher() -> PasswordHasher:
    return PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def _is_older_hash_of(password: str, stored: str) -> bool:
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


def answer_questions() -> None:
    """Answer each line, a password and perhaps a hash, with the password's hash, or whether they belong together."""
    close_process()
    os.nice(NICENESS)
    for line in sys.stdin:
        password, stored = json.loads(line)
        answer = hash_password(password) if stored is None else is_hash_of(password, stored)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    answer_questions()
