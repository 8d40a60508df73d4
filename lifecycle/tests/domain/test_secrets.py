import pytest
from lifecycle.domain.secrets import JobSecrets, SecretBox, SecretsUnreadable
from pydantic import SecretStr
from racetrack_client.entities import Credentials


def test_what_was_encrypted_can_be_opened_with_the_same_key():
    content = SecretBox(SecretStr("key")).encrypt_json({"PASSWORD": "hunter2"})
    assert b"hunter2" not in content
    assert SecretBox(SecretStr("key")).decrypt_json(content) == {"PASSWORD": "hunter2"}


def test_another_key_does_not_open_it():
    content = SecretBox(SecretStr("key")).encrypt(b"hunter2")
    with pytest.raises(SecretsUnreadable, match="SECRET_KEY"):
        SecretBox(SecretStr("other")).decrypt(content)


def test_secrets_of_jobs_can_be_stored_and_show_nothing():
    box = SecretBox(SecretStr("key"))
    secrets = JobSecrets(Credentials(username="me", password="tulip"), {"A": "rose"}, {"B": "lily"})
    assert JobSecrets.decrypt(secrets.encrypt(box), box) == secrets
    assert JobSecrets.decrypt(None, box) == JobSecrets()
    assert not any(word in repr(secrets) for word in ("tulip", "rose", "lily"))


def test_secrets_that_older_releases_stored_with_a_deployment_can_be_read():
    box = SecretBox(SecretStr("key"))
    stored = {"git_credentials": None, "build_env": {"A": "rose"}, "runtime_env": {"B": "lily"}}
    expected = JobSecrets(None, {"A": "rose"}, {"B": "lily"})
    assert JobSecrets.decrypt(box.encrypt_json(stored), box) == expected
