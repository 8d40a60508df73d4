import pytest
from racetrack_client.log.errors import ValidationError
from racetrack_commons.entities.async_calls import BodyEncoding


@pytest.mark.parametrize(
    "body", [b"", b"text", "ä€".encode(), b"\x00", b"\xff\x00", bytes(range(256))]
)
def test_bodies_come_back_as_they_were(body):
    encoding = BodyEncoding.choose(body)
    assert encoding.decode_body(encoding.encode_body(body)) == body


def test_text_travels_as_it_is():
    assert BodyEncoding.choose(b"text", b"").encode_body(b"text") == "text"
    assert BodyEncoding.choose(b"text", b"\xff") is BodyEncoding.BASE64


def test_what_is_no_base64_is_refused():
    with pytest.raises(ValidationError, match="not base64"):
        BodyEncoding.BASE64.decode_body("no base64!")
