import base64
import hashlib

import pytest
from lifecycle.auth.passwords import Passwords, WeakPassword, check_password_strength


@pytest.fixture(scope="module")
def passwords() -> Passwords:
    return Passwords()


def test_the_right_password_is_correct_and_another_is_not(passwords: Passwords):
    stored = passwords.hash("correct horse")
    assert stored.startswith("$argon2id$")
    assert len(stored) <= 128
    assert passwords.is_correct("correct horse", stored)
    assert not passwords.is_correct("wrong horse", stored)
    assert not passwords.is_outdated(stored)


def test_hashes_of_older_installations_verify_and_are_outdated(passwords: Passwords):
    stored = an_older_hash("correct horse")
    assert passwords.is_correct("correct horse", stored)
    assert not passwords.is_correct("wrong horse", stored)
    assert passwords.is_outdated(stored)


@pytest.mark.parametrize(
    "stored",
    [None, "", "md5$1$2", "pbkdf2_sha256$x$y", "pbkdf2_sha256$a$b$c", "pbkdf2_sha256$0$b$YQ=="],
)
def test_without_a_readable_hash_no_password_is_correct(passwords: Passwords, stored):
    assert not passwords.is_correct("anything", stored)


def an_older_hash(password: str) -> str:
    digest = hashlib.pbkdf2_hmac("sha256", password.encode(), b"salt", 1000)
    return f"pbkdf2_sha256$1000$salt${base64.b64encode(digest).decode()}"


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("", "empty"),
        ("short", "8 characters"),
        ("x" * 2000, "1024"),
        ("1234567890", "digits only"),
        ("Password123", "tries first"),
        (" iloveyou ", "tries first"),
        ("P@ssw0rd2024", "tries first"),
        ("!!Sunshine1", "tries first"),
        ("aaaabbbb", "guess"),
        ("qwertyui", "guess"),
        ("hgfedcba", "guess"),
        ("my name is ANNA.K", "username"),
    ],
)
def test_weak_passwords_are_refused_with_the_reason(password: str, reason: str):
    with pytest.raises(WeakPassword, match=reason):
        check_password_strength(password, "anna.k@example.com")


@pytest.mark.parametrize(
    "password",
    ["correct horse battery staple", "Tr0ub4dor&3", "password of my aunt", "ann and a dog"],
)
def test_good_passwords_are_accepted(password: str):
    check_password_strength(password, "ann@example.com")
