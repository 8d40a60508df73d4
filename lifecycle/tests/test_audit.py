import pytest
from lifecycle.audit import describe_age, describe_event
from lifecycle.domain.audit import AuditEventDto
from racetrack_commons.clock import Clock
from racetrack_commons.entities.audit import AuditEventType


@pytest.mark.parametrize("event_type", AuditEventType)
def test_every_type_of_event_has_a_sentence_of_its_own(event_type):
    text = describe_event(make_event(event_type, job_name="adder", job_version="0.0.1"))

    assert text.startswith("anna ")
    assert event_type not in text


@pytest.mark.parametrize(
    ("event", "text"),
    [
        ({"event_type": "unheard_of"}, "anna did unheard_of"),
        ({"event_type": "odd", "job_name": "a", "job_version": "1"}, "anna did odd to job a 1"),
        (
            {"event_type": "plugin_installed"},
            "anna installed plugin some plugin name some plugin version",
        ),
        (
            {"event_type": "job_deleted", "job_name": "{x}", "job_version": "1"},
            "anna deleted job {x} 1",
        ),
    ],
)
def test_events_of_other_releases_are_explained_too(event, text):
    assert describe_event(make_event(**event)) == text


def make_event(event_type, **values):
    return AuditEventDto(
        id="1", timestamp=Clock().now(), event_type=event_type, username_executor="anna", **values
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, ""),
        (9, "just now"),
        (59, "59 seconds ago"),
        (60, "a minute ago"),
        (3599, "59 minutes ago"),
        (3600, "an hour ago"),
        (7200, "2 hours ago"),
        (86400, "yesterday"),
        (3 * 86400, "3 days ago"),
        (7 * 86400, "a week ago"),
        (15 * 86400, "2 weeks ago"),
        (30 * 86400, "a month ago"),
        (60 * 86400, "2 months ago"),
        (365 * 86400, "a year ago"),
        (800 * 86400, "2 years ago"),
    ],
)
def test_ages_are_told_as_people_do(seconds, text):
    assert describe_age(seconds) == text
