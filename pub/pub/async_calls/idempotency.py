"""Idempotency keys: with one, a caller may repeat the start of a call, whose answer it has missed.

The header is that of draft-ietf-httpapi-idempotency-key-header: a key is good for one request of one caller.
"""

import hashlib
import re

from racetrack_commons.entities.async_calls import LONGEST_IDEMPOTENCY_KEY

from pub.proxy.call import Call
from pub.proxy.errors import CallFailed

IDEMPOTENCY_HEADER = "Idempotency-Key"
_NAME = IDEMPOTENCY_HEADER.lower().encode()
_KEY = re.compile(rf"[\x21-\x7e]{{1,{LONGEST_IDEMPOTENCY_KEY}}}")
_QUOTED = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')


def read_idempotency_key(call: Call) -> str | None:
    """Return the key of a start, or None without one; raise CallFailed 400 when it is not a key.

    The draft demands a string in quotation marks; most clients send the bare text, which means the same key.
    """
    values = [value.decode("latin-1").strip() for name, value in call.headers if name == _NAME]
    if not values:
        return None
    quoted = _QUOTED.fullmatch(values[0])
    key = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else values[0]
    if len(values) > 1 or not _KEY.fullmatch(key):
        raise CallFailed(
            400,
            f"Proxy request error: {IDEMPOTENCY_HEADER} must be one text of 1 to {LONGEST_IDEMPOTENCY_KEY} visible"
            " ASCII characters, such as a UUID: send a new one for each call",
        )
    return key


def make_fingerprint(call: Call, body: bytes) -> str:
    """Return the digest of what the caller asks for; the same key with another one is a mistake of the caller."""
    job = call.job
    asked = "\0".join((call.method, job.name, job.version, job.path, call.query))
    return hashlib.sha256(asked.encode() + b"\0" + body).hexdigest()
