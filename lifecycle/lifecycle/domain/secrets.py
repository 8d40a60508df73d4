"""Secrets as the database keeps them: encrypted, and useless without `SECRET_KEY`."""

import json
from base64 import urlsafe_b64encode
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr


class SecretsUnreadable(Exception):
    """What is stored was encrypted with another `SECRET_KEY`, or is damaged."""


class SecretBox:
    """Encrypts values and opens them again."""

    def __init__(self, secret_key: SecretStr) -> None:
        derivation = HKDF(SHA256(), length=32, salt=None, info=b"racetrack secrets of jobs")
        key = derivation.derive(secret_key.get_secret_value().encode())
        self._fernet = Fernet(urlsafe_b64encode(key))

    def encrypt(self, content: bytes) -> bytes:
        """Encrypt bytes."""
        return self._fernet.encrypt(content)

    def decrypt(self, content: bytes) -> bytes:
        """Open what `encrypt` made; raises SecretsUnreadable."""
        try:
            return self._fernet.decrypt(content)
        except InvalidToken as e:
            raise SecretsUnreadable(
                "stored secrets can't be decrypted: was SECRET_KEY changed? deploy the job again"
            ) from e

    def encrypt_json(self, value: Any) -> bytes:
        """Encrypt a value that JSON can express."""
        return self.encrypt(json.dumps(value, separators=(",", ":")).encode())

    def decrypt_json(self, content: bytes) -> Any:
        """Open what `encrypt_json` made; raises SecretsUnreadable."""
        return json.loads(self.decrypt(content))
