"""Bodies of calls as JSON holds them: text as it is, everything else as base64."""

import base64
import binascii

from racetrack_client.log.errors import ValidationError

from racetrack_commons.entities.dto import BodyEncoding


def choose_encoding(*bodies: bytes) -> BodyEncoding:
    """Return the encoding that all of the bodies can have."""
    try:
        for body in bodies:
            body.decode()
    except UnicodeDecodeError:
        return BodyEncoding.BASE64
    return BodyEncoding.UTF_8


def encode_body(body: bytes, encoding: BodyEncoding) -> str:
    """Return the text that stands for a body."""
    return base64.b64encode(body).decode() if encoding is BodyEncoding.BASE64 else body.decode()


def decode_body(body: str, encoding: BodyEncoding) -> bytes:
    """Return the bytes that a text stands for; ValidationError when it is not base64."""
    if encoding is BodyEncoding.UTF_8:
        return body.encode()
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise ValidationError(f"a body is not base64, as body_encoding says: {error}") from error
