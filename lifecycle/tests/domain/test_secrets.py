import pytest
from lifecycle.domain.secrets import SecretBox, SecretsUnreadable
from pydantic import SecretStr


def test_what_was_encrypted_can_be_opened_with_the_same_key():
    content = SecretBox(SecretStr("key")).encrypt_json({"PASSWORD": "hunter2"})
    assert b"hunter2" not in content
    assert SecretBox(SecretStr("key")).decrypt_json(content) == {"PASSWORD": "hunter2"}


def test_another_key_does_not_open_it():
    content = SecretBox(SecretStr("key")).encrypt(b"hunter2")
    with pytest.raises(SecretsUnreadable, match="SECRET_KEY"):
        SecretBox(SecretStr("other")).decrypt(content)
