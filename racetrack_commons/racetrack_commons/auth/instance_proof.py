"""The secret that the platform shares with an instance of a job, and the proof that whatever listens at an address knows it.

The job wrapper has the same rules, because it stands alone; docs/plugins.md describes them for other job types.
"""

import hashlib
import hmac
import secrets

SECRET_HEADER = "X-Racetrack-Instance-Secret"  # noqa: S105 - the name of the header
"""The header by which the platform shows the secret to an instance that has proven to know it."""
SERVICE_HEADER = "X-Racetrack-Service-Auth"
"""The header by which the gateway asks Lifecycle for secrets of instances, with a token of its own beside the caller's."""
CHALLENGE_HEADER = "X-Racetrack-Challenge"
"""The header of a request to `/live` that demands a proof; its value is a random text."""
PROOF_HEADER = "X-Racetrack-Proof"
"""The header of the answer with the proof."""


def make_challenge() -> str:
    """Return a text that no earlier proof was made of."""
    return secrets.token_hex(16)


def make_proof(secret: str, challenge: str, port: int) -> str:
    """Return the proof that an instance at that port gives.

    It covers the port: a program at another one could pass the challenge on to the instance and its proof back.
    """
    return hmac.new(secret.encode(), f"{challenge} {port}".encode(), hashlib.sha256).hexdigest()


def is_proof(proof: str, secret: str, challenge: str, port: int) -> bool:
    """Return whether a proof is right, in a time that does not depend on the proof."""
    expected = make_proof(secret, challenge, port)
    # A stranger may send any bytes, which are no text in any encoding.
    return hmac.compare_digest(proof.encode(errors="replace"), expected.encode())
