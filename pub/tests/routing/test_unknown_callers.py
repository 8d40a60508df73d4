"""Callers with random tokens: what they cost Lifecycle and other callers."""

import asyncio
import base64
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from pub.routing.unknown_callers import TooManyQuestions, UnknownCallers, has_shape_of_token
from racetrack_commons.testing.clock import FakeClock
from racetrack_commons.testing.serving import wait_until

LEGACY_TOKEN = base64.b64encode(b'{"esc-id": "e", "api-key": "k"}').decode()
URL = "/pub/job/adder/latest/x"


@pytest.mark.parametrize(
    ("text", "is_token"),
    [
        ("", True),
        ("eyJhbGciOi.eyJzdWIi.c2lnbmF0dXJl_-", True),
        (LEGACY_TOKEN, True),
        ("hunter2", False),
        ("a.b", False),
        ("a.b.c.d", False),
        ("a.b.c d", False),
        ("a.b." + "c" * 20_000, False),
    ],
)
def test_a_token_has_a_shape(text, is_token):
    assert has_shape_of_token(text) is is_token


def test_texts_that_are_no_tokens_share_a_question(start_pub, lifecycle):
    pub = start_pub()
    statuses = {pub.get(URL, headers={"X-Racetrack-Auth": f"t{n}"}).status_code for n in range(30)}
    assert statuses == {401}
    assert len([one for one in lifecycle.asked if one["token"] == "malformed"]) <= 5
    assert not [one for one in lifecycle.asked if one["token"].startswith("t")]


def test_random_tokens_do_not_keep_a_known_caller_waiting(start_pub, lifecycle, job):
    pub = start_pub()
    wait_until(lambda: lifecycle.streams == 1)
    assert pub.get(URL).status_code == 200
    lifecycle.delay_seconds = 0.5
    with ThreadPoolExecutor(60) as strangers:
        asked = [
            strangers.submit(pub.get, URL, headers={"X-Racetrack-Auth": f"a.{number}.z"})
            for number in range(60)
        ]
        wait_until(lambda: len(lifecycle.asked) > 10)
        begun_at = time.monotonic()
        assert pub.get(URL).status_code == 200
        assert time.monotonic() - begun_at < 0.5
        assert {one.result().status_code for one in asked} == {401}
    assert lifecycle.most_at_once <= 4


def test_refusals_are_answered_slowly_after_many(start_pub):
    pub = start_pub()
    with ThreadPoolExecutor(25) as strangers:
        begun_at = time.monotonic()
        asked = [
            strangers.submit(pub.get, URL, headers={"X-Racetrack-Auth": "t"}) for _ in range(25)
        ]
        assert {one.result().status_code for one in asked} == {401}
        assert time.monotonic() - begun_at >= 1


def test_questions_are_asked_slowly_after_many_refusals():
    async def ask():
        clock = FakeClock()
        callers = UnknownCallers(clock)
        for _ in range(200):
            callers.note_refusal()
        begun_at = time.monotonic()
        for number in range(3):
            async with callers.turn(f"token {number}"):
                pass
        slow = time.monotonic() - begun_at
        clock.advance(10)
        begun_at = time.monotonic()
        async with callers.turn("another token"):
            return slow, time.monotonic() - begun_at

    slow, quick = asyncio.run(ask())
    assert slow >= 0.1
    assert quick < 0.05


def test_a_question_beyond_the_most_is_refused():
    async def ask():
        callers = UnknownCallers(FakeClock())
        async with asyncio.timeout(10), callers.turn("token"):
            waiting = [asyncio.create_task(_enter(callers, f"token {n}")) for n in range(200)]
            return await asyncio.gather(*waiting, return_exceptions=True)

    outcomes = asyncio.run(ask())
    assert any(isinstance(one, TooManyQuestions) for one in outcomes)
    assert outcomes[0] is True


async def _enter(callers: UnknownCallers, token: str) -> bool:
    async with callers.turn(token):
        await asyncio.sleep(0.01)
        return True
