"""The source of a job, as clients send it: base64 of a compressed archive."""

import base64
import binascii
import hashlib
from dataclasses import dataclass

from racetrack_client.log.errors import ValidationError

_GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True)
class SourceBundle:
    """An archive and its name: the SHA-256 of its bytes."""

    digest: str
    content: bytes


def read_bundle(build_context: str, max_bytes: int) -> SourceBundle:
    """Decode what a client sent; ValidationError says what is wrong with it."""
    if len(build_context) > _encoded_length(max_bytes):
        raise _too_large(len(build_context) * 3 // 4, max_bytes)
    try:
        content = base64.b64decode(build_context, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValidationError(f"build_context is not base64: {error}") from error
    if len(content) > max_bytes:
        raise _too_large(len(content), max_bytes)
    if not content.startswith(_GZIP_MAGIC):
        raise ValidationError("build_context is not a gzip-compressed tar archive")
    return SourceBundle(hashlib.sha256(content).hexdigest(), content)


def _encoded_length(size: int) -> int:
    return (size + 2) // 3 * 4


def _too_large(size: int, max_bytes: int) -> ValidationError:
    mebibyte = 1024 * 1024
    return ValidationError(
        f"the job's directory makes an archive of {size / mebibyte:.1f} MiB;"
        f" at most {max_bytes / mebibyte:g} MiB are allowed."
        " Keep large files out with .racetrackignore or .gitignore, or deploy from git"
    )
