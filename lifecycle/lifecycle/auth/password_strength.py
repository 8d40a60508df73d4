"""Which passwords are good enough."""

import string
from collections.abc import Iterator

from racetrack_client.log.errors import ValidationError

from lifecycle.auth.common_passwords import COMMON_PASSWORDS

MIN_PASSWORD_LENGTH = 8
MAX_PASSWORD_LENGTH = 1024
_FEWEST_DISTINCT = 4
_SHORTEST_NAME = 4
_MOST_DECORATION = 4
"""`Password2024!` is `password` with so many characters around it."""
_ROWS = (
    "abcdefghijklmnopqrstuvwxyz",
    "0123456789",
    "qwertyuiop",
    "qwertzuiop",
    "asdfghjkl",
    "zxcvbnm",
)
_LOOK_ALIKES = str.maketrans("0134578@$!", "oieastbasi")


class WeakPassword(ValidationError):
    """The password is too easy to guess."""


def check_password_strength(password: str, username: str = "") -> None:
    """Refuse a password that is easy to guess."""
    if not password:
        raise WeakPassword("the password is empty")
    if len(password) < MIN_PASSWORD_LENGTH:
        raise WeakPassword(f"the password needs {MIN_PASSWORD_LENGTH} characters at least")
    if len(password) > MAX_PASSWORD_LENGTH:
        raise WeakPassword(f"the password may have {MAX_PASSWORD_LENGTH} characters at most")
    if password.isdigit():
        raise WeakPassword("the password must not consist of digits only")
    text = password.strip().casefold()
    if len(set(text)) < _FEWEST_DISTINCT or _is_along_a_row(text):
        raise WeakPassword("the password is one that everybody can guess: mix other characters")
    if any(core in COMMON_PASSWORDS for core in _list_cores(text)):
        raise WeakPassword("the password is one of those that everybody tries first")
    if _contains_name(text, username):
        raise WeakPassword("the password must not contain the username")


def _is_along_a_row(text: str) -> bool:
    return any(text in row or text[::-1] in row for row in _ROWS)


def _list_cores(text: str) -> Iterator[str]:
    """Yield the password, and what is left without the decoration that people add to common ones."""
    core = text.strip(string.digits + string.punctuation)
    for candidate in (text, core) if len(text) - len(core) <= _MOST_DECORATION else (text,):
        yield candidate
        yield candidate.translate(_LOOK_ALIKES)


def _contains_name(text: str, username: str) -> bool:
    name = username.partition("@")[0].casefold()
    return len(name) >= _SHORTEST_NAME and name in text
