"""Keeps a processor busy."""

import hashlib


class JobEntrypoint:
    def perform(self, attempts: int = 4_000_000) -> str:
        """Hash a text over and over."""
        digest = b"racetrack"
        for _ in range(attempts):
            digest = hashlib.sha256(digest).digest()
        return digest.hex()

    def docs_input_example(self) -> dict:
        return {"attempts": 100}
