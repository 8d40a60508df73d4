"""Header fields, and the rules that requests and answers share."""

import re
from collections.abc import Iterable
from http import HTTPStatus

Fields = list[tuple[bytes, bytes]]
"""Names, in lower case, and values, in the order of the message."""
HEAD_END = b"\r\n\r\n"
LONGEST_HEAD_BYTES = 64 * 1024
TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_FIELD = re.compile(rb"(" + TOKEN + rb"):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)")
_BARE_LINE_FEED = re.compile(rb"(?<!\r)\n")
_MOST_FIELDS = 1000
_LONGEST_LENGTH = 18
_CHUNKED = [b"chunked"]


class BadMessage(Exception):
    """A message that breaks the rules; the text says which, and the status fits an answer to a request."""

    def __init__(self, text: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(text)
        self.text = text
        self.status = status


def parse_fields(lines: list[bytes]) -> Fields:
    """Parse the lines of a head after its first one; raises BadMessage at the first that is none."""
    if len(lines) > _MOST_FIELDS:
        status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        raise BadMessage(f"a message may have {_MOST_FIELDS} headers", status)
    fields = []
    for line in lines:
        match = _FIELD.fullmatch(line)
        if match is None:
            raise BadMessage(_explain(line))
        fields.append((match[1].lower(), match[2].rstrip(b" \t")))
    return fields


def check_part_of_head(part: bytes) -> None:
    """Raise BadMessage if the beginning of a head can't become a valid one: lines end with CR and LF."""
    if _BARE_LINE_FEED.search(part):
        raise BadMessage("a line of the head ends without a carriage return")


def list_values(fields: Fields, name: bytes) -> list[bytes]:
    """List the values of each header with that name."""
    return [value for key, value in fields if key == name]


def list_tokens(values: Iterable[bytes]) -> list[bytes]:
    """List the items of comma-separated values, in lower case; empty items do not count."""
    items = (item.strip(b" \t").lower() for value in values for item in value.split(b","))
    return [item for item in items if item]


def parse_length(values: list[bytes]) -> int | None:
    """Return the length of a body; raises BadMessage unless there is none or one plain number."""
    if not values:
        return None
    # A list of equal numbers is one, too, for some programs; others read its first item only.
    if len(values) > 1 or not values[0].isdigit() or len(values[0]) > _LONGEST_LENGTH:
        raise BadMessage("Content-Length is not one number")
    return int(values[0])


def is_chunked(fields: Fields) -> bool:
    """Return whether the body comes in chunks; raises BadMessage at any other coding."""
    values = list_values(fields, b"transfer-encoding")
    if not values:
        return False
    codings = list_tokens(values)
    if codings == _CHUNKED:
        return True
    if codings[-1:] == _CHUNKED and codings.count(b"chunked") == 1:
        text = "the only supported Transfer-Encoding is chunked"
        raise BadMessage(text, HTTPStatus.NOT_IMPLEMENTED)
    raise BadMessage("Transfer-Encoding does not end with chunked")


def _explain(line: bytes) -> str:
    if line[:1] in (b" ", b"\t"):
        return "a header goes on in a further line"
    name, colon, _ = line.partition(b":")
    if not colon or not re.fullmatch(TOKEN, name):
        return "a header has no valid name"
    return "the value of a header holds a control character"
