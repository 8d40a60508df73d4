from datetime import UTC, datetime

import pytest
from racetrack_client.log.errors import ValidationError
from racetrack_client.utils.time import datetime_to_timestamp, days_ago_text, now, parse_moment

HOUR, DAY = 3600, 86400


@pytest.mark.parametrize(
    ("age", "text"),
    [
        (-5, ""),
        (9, "just now"),
        (59, "59 seconds ago"),
        (100, "a minute ago"),
        (5 * 60, "5 minutes ago"),
        (HOUR, "an hour ago"),
        (5 * HOUR, "5 hours ago"),
        (DAY, "yesterday"),
        (6 * DAY, "6 days ago"),
        (13 * DAY, "a week ago"),
        (30 * DAY, "4 weeks ago"),
        (59 * DAY, "a month ago"),
        (364 * DAY, "12 months ago"),
        (400 * DAY, "a year ago"),
        (800 * DAY, "2 years ago"),
    ],
)
def test_an_age_is_told_in_words(age: int, text: str):
    assert days_ago_text(2_000_000_000 - age, 2_000_000_000) == text


def test_no_moment_is_never():
    assert days_ago_text(None, 1) == days_ago_text(0, 1) == "never"


def test_moments_are_aware_and_become_whole_seconds():
    assert now().tzinfo is UTC
    assert datetime_to_timestamp(datetime(1970, 1, 1, 0, 1, 0, 900000, UTC)) == 60


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", 910.0),
        ("10m", 400.0),
        ("1m30s", 910.0),
        ("1970-01-01T00:05:00Z", 300.0),
        ("1970-01-01T02:05:00+02:00", 300.0),
    ],
)
def test_a_moment_is_an_age_or_a_time(text, expected):
    assert parse_moment(text, 1000.0) == expected


@pytest.mark.parametrize("text", ["", "soon", "10", "m", "10 m", "2026-13-01"])
def test_other_texts_are_no_moment(text):
    with pytest.raises(ValidationError, match="is no time; say how long ago"):
        parse_moment(text, 1000.0)
