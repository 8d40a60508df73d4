import base64
import gc
import hashlib
import os
import signal
from pathlib import Path

import pytest
from lifecycle.auth.passwords.hash_process import Passwords
from lifecycle.auth.passwords.hashes import HASH_OF_NOTHING, NICENESS, is_outdated


@pytest.fixture(scope="module")
def passwords() -> Passwords:
    return Passwords()


def test_the_right_password_is_correct_and_another_is_not(passwords: Passwords):
    stored = passwords.hash("correct horse")
    assert stored.startswith("$argon2id$")
    assert len(stored) <= 128
    assert passwords.is_correct("correct horse", stored)
    assert not passwords.is_correct("wrong horse", stored)
    assert not is_outdated(stored)


def test_hashes_of_older_installations_verify_and_are_outdated(passwords: Passwords):
    stored = an_older_hash("correct horse")
    assert passwords.is_correct("correct horse", stored)
    assert not passwords.is_correct("wrong horse", stored)
    assert is_outdated(stored)


@pytest.mark.parametrize(
    "stored",
    [None, "", "md5$1$2", "pbkdf2_sha256$x$y", "pbkdf2_sha256$a$b$c", "pbkdf2_sha256$0$b$YQ=="],
)
def test_without_a_readable_hash_no_password_is_correct(passwords: Passwords, stored):
    assert not passwords.is_correct("anything", stored)


def test_without_a_hash_the_answer_takes_as_long_as_with_one():
    assert not is_outdated(HASH_OF_NOTHING)


def test_hashes_are_made_by_a_process_that_yields_to_others_and_has_no_secrets(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("AUTH_KEY", "a secret")
    passwords = Passwords()
    passwords.hash("correct horse")
    process = Path(f"/proc/{passwords.process_id}")
    assert os.getpriority(os.PRIO_PROCESS, passwords.process_id) >= NICENESS
    assert b"AUTH_KEY" not in (process / "environ").read_bytes()


def test_hashes_go_on_when_their_process_has_ended(passwords: Passwords):
    stored = passwords.hash("correct horse")
    os.kill(passwords.process_id, signal.SIGKILL)
    assert passwords.is_correct("correct horse", stored)


def test_the_process_ends_with_its_owner():
    passwords = Passwords()
    passwords.hash("correct horse")
    process_id = passwords.process_id
    del passwords
    gc.collect()
    assert not Path(f"/proc/{process_id}").exists()


def an_older_hash(password: str) -> str:
    digest = hashlib.pbkdf2_hmac("sha256", password.encode(), b"salt", 1000)
    return f"pbkdf2_sha256$1000$salt${base64.b64encode(digest).decode()}"
