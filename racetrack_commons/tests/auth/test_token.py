import base64
import json

import jwt
import pytest
from racetrack_client.entities import AuthScope
from racetrack_client.log.errors import UnauthorizedError
from racetrack_commons.auth.token import (
    AuthSubjectType,
    AuthTokenPayload,
    admin_token,
    decode_legacy_token,
    decode_token,
    encode_token,
    find_auth_token,
    internal_token,
)
from starlette.datastructures import Headers

DEVELOPMENT_KEY = "QaPU2UW8r7KXfRtLJVCKahCK93TKhVB5"
ADMIN_TOKEN = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzZWVkIjoiY2UwODFiMDUtYTRhMC00MTRhLThmNmEtODRjMDIzMTkx"
    "NmE2Iiwic3ViamVjdCI6ImFkbWluIiwic3ViamVjdF90eXBlIjoidXNlciIsInNjb3BlcyI6bnVsbH0.xDUcEmR7USck5R"
    "Id0nwDo_xtZZBD6pUvB2vL6i39DQI"
)
PUB_TOKEN = (
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzZWVkIjoiY2E3ZWNmODAtZDAxZS00ZjA5LWI4ZjQtMTZiNTMxYjhh"
    "OTNhIiwic3ViamVjdCI6InB1YiIsInN1YmplY3RfdHlwZSI6ImludGVybmFsIiwic2NvcGVzIjpbImZ1bGxfYWNjZXNzIl"
    "19.Xyg1lwQG4oiA65y-KAkdmCFjnT7BZkfmm66DDGOVZu4"
)
IMAGE_BUILDER_TOKEN = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzZWVkIjoiZGVhNzYzMDAtN2JhYy00ODRjLTkyOTYtNWQxMGNkOTM3"
    "YTU4Iiwic3ViamVjdCI6ImltYWdlLWJ1aWxkZXIiLCJzdWJqZWN0X3R5cGUiOiJpbnRlcm5hbCIsInNjb3BlcyI6WyJmdW"
    "xsX2FjY2VzcyJdfQ.ND3wDeK58L5T1jIYcuArQ5O3M0Ez3_pCAEi5NXD_hLY"
)


def test_the_admin_token_is_the_same_to_the_byte():
    assert admin_token(DEVELOPMENT_KEY) == ADMIN_TOKEN


@pytest.mark.parametrize(
    ("token", "seed", "subject"),
    [
        (PUB_TOKEN, "ca7ecf80-d01e-4f09-b8f4-16b531b8a93a", "pub"),
        (IMAGE_BUILDER_TOKEN, "dea76300-7bac-484c-9296-5d10cd937a58", "image-builder"),
    ],
)
def test_the_fixed_tokens_of_services_verify(token, seed, subject):
    payload = decode_token(token, DEVELOPMENT_KEY)

    assert (payload.seed, payload.subject) == (seed, subject)
    assert payload.subject_type is AuthSubjectType.INTERNAL
    assert payload.scopes == ["full_access"]


def test_the_fixed_image_builder_token_is_what_we_write():
    payload = decode_token(IMAGE_BUILDER_TOKEN, DEVELOPMENT_KEY)

    assert encode_token(payload, DEVELOPMENT_KEY) == IMAGE_BUILDER_TOKEN


def test_the_fixed_end_to_end_token_verifies_whatever_the_order_of_its_header():
    claims = {
        "seed": "322e0804-342b-4249-b3e9-6f50ece6aa4a",
        "subject": "e2e_test",
        "subject_type": "internal",
        "scopes": ["full_access"],
    }
    token = jwt.encode(claims, DEVELOPMENT_KEY, algorithm="HS256", sort_headers=False)

    assert decode_token(token, DEVELOPMENT_KEY).subject == "e2e_test"


def test_a_new_token_leaves_out_scopes_and_keeps_the_order_of_claims():
    payload = AuthTokenPayload(subject="jane", subject_type=AuthSubjectType.USER)

    header, claims, _ = encode_token(payload, DEVELOPMENT_KEY).split(".")

    assert _decode(header) == '{"alg":"HS256","typ":"JWT"}'
    assert list(json.loads(_decode(claims))) == ["seed", "subject", "subject_type"]


def test_two_tokens_of_one_subject_differ():
    assert internal_token("pub", DEVELOPMENT_KEY) != internal_token("pub", DEVELOPMENT_KEY)


@pytest.mark.parametrize("claim", ["exp", "iat", "admin"])
def test_a_claim_of_another_kind_makes_a_token_invalid(claim):
    claims = {"seed": "s", "subject": "jane", "subject_type": "user", claim: 4102444800}
    claims["iat" if claim == "iat" else claim] = 1 if claim == "iat" else 4102444800
    token = jwt.encode(claims, DEVELOPMENT_KEY, algorithm="HS256")

    with pytest.raises(UnauthorizedError):
        decode_token(token, DEVELOPMENT_KEY)


@pytest.mark.parametrize("token", ["", "garbage", ADMIN_TOKEN[:-2] + "xx", f"{ADMIN_TOKEN}.x"])
def test_a_token_that_is_not_ours_is_refused_and_never_repeated(token):
    with pytest.raises(UnauthorizedError) as caught:
        decode_token(token, DEVELOPMENT_KEY)

    assert caught.value.__cause__ is None
    assert not token or token not in str(caught.value)


def test_an_unsigned_token_is_refused():
    claims = {"seed": "s", "subject": "admin", "subject_type": "internal"}

    with pytest.raises(UnauthorizedError):
        decode_token(jwt.encode(claims, None, algorithm="none"), DEVELOPMENT_KEY)


def test_scopes_of_internal_tokens_limit_what_they_may_do():
    limited = AuthTokenPayload(
        subject="x", subject_type=AuthSubjectType.INTERNAL, scopes=["read_job"]
    )
    free = AuthTokenPayload(subject="x", subject_type=AuthSubjectType.INTERNAL)

    assert limited.allows(AuthScope.READ_JOB)
    assert not limited.allows(AuthScope.DEPLOY_JOB)
    assert not limited.allows(None)
    assert free.allows(AuthScope.CALL_ADMIN_API)
    assert free.allows(None)


def test_legacy_tokens_of_consumers_are_read_without_trust():
    token = base64.b64encode(b'{"esc-id": "e1", "api-key": "k"}').decode()

    payload = decode_legacy_token(token)

    assert payload is not None
    assert (payload.subject, payload.subject_type) == ("e1", AuthSubjectType.ESC)
    assert decode_legacy_token(ADMIN_TOKEN) is None
    assert decode_legacy_token(base64.b64encode(b"[1]").decode()) is None


def test_the_token_is_read_from_the_first_header_that_has_one():
    headers = Headers({"x-racetrack-auth": "", "X-Racetrack-Esc-Auth": "esc", "Accept": "*/*"})

    assert find_auth_token(headers) == "esc"
    assert (
        find_auth_token(Headers({"X-Racetrack-Auth": "main", "x-racetrack-user-auth": "u"}))
        == "main"
    )
    assert find_auth_token(Headers({})) is None


def _decode(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)).decode()


def test_a_token_of_a_service_may_end():
    key = "a key for tests, long enough for HS256"
    ended = internal_token("pub", key, [AuthScope.CALL_JOB], expires_at=1)

    with pytest.raises(UnauthorizedError):
        decode_token(ended, key)
    assert decode_token(internal_token("pub", key, expires_at=4_000_000_000), key).exp
