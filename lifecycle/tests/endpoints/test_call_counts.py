"""Gateways report counts of calls; those who may read a job see its callers."""

import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from fastapi.testclient import TestClient
from lifecycle.app import create_app
from lifecycle.domain.calls import CallerRecording
from racetrack_client.entities import AuthScope
from racetrack_commons.testing.builders import a_job

API = "/lifecycle/api/v1"
DAY = 24 * 3600


def a_count(caller="User anna", count=2, version="0.0.1", ago=60.0):
    return {
        "job_name": "adder",
        "job_version": version,
        "caller": caller,
        "count": count,
        "last_call_time": time.time() - ago,
    }


def report(client, internal, *counts):
    answer = client.post(f"{API}/calls", json={"calls": list(counts)}, headers=internal)
    assert answer.status_code == 200, answer.text


def show(client, headers, days=7):
    answer = client.get(f"{API}/calls/adder?days={days}", headers=headers)
    return [(each["job_version"], each["caller"], each["count"]) for each in answer.json()]


@pytest.fixture
def jobs(app_uow):
    with app_uow() as uow:
        for version in ("0.0.1", "0.0.2"):
            uow.jobs.save(a_job("adder", version))


def test_counts_of_several_reports_are_added(client, jobs, admin, internal):
    report(client, internal, a_count(), a_count("", 1, ago=120))
    report(client, internal, a_count(count=3), a_count(version="0.0.2", ago=1, caller="ESC shop"))

    assert show(client, admin) == [
        ("0.0.2", "ESC shop", 2),
        ("0.0.1", "User anna", 5),
        ("0.0.1", "", 1),
    ]


def test_only_the_days_that_were_asked_for_count(client, jobs, admin, internal):
    report(client, internal, a_count(ago=2 * DAY, count=1), a_count(ago=0, count=10))
    assert show(client, admin, days=1) == [("0.0.1", "User anna", 10)]
    assert show(client, admin, days=3) == [("0.0.1", "User anna", 11)]


def test_the_last_call_of_the_job_is_the_latest_that_was_told(client, jobs, admin, internal):
    report(client, internal, a_count(ago=10))
    report(client, internal, a_count(ago=500))
    called = client.get(f"{API}/job/adder/0.0.1", headers=admin).json()["last_call_time"]
    assert time.time() - called < 100


def test_a_clock_that_is_ahead_makes_no_call_in_the_future(client, jobs, admin, internal):
    report(client, internal, a_count(ago=-DAY))
    [calls] = client.get(f"{API}/calls/adder", headers=admin).json()
    assert calls["last_call_time"] <= time.time()


def test_callers_are_shown_of_versions_that_may_be_read(client, jobs, internal, app_uow):
    report(client, internal, a_count(), a_count(version="0.0.2"))
    with app_uow() as uow:
        subject = uow.auth_subjects.get_or_add_of_esc(uow.escs.add("shop", None).id)
        job_id = uow.jobs.get("adder", "0.0.2").id
        uow.permissions.grant(subject.id, AuthScope.READ_JOB, job_id=job_id)
        token = client.app.state.services.tokens.ensure_valid(uow, subject)
    assert show(client, {"X-Racetrack-Auth": token}) == [("0.0.2", "User anna", 2)]


@contextmanager
def recording(config, what):
    with TestClient(create_app(config.model_copy(update={"record_callers": what}))) as client:
        yield client


def test_the_settings_may_leave_the_names_out(config, admin, internal):
    with recording(config, CallerRecording.COUNT) as client:
        report(client, internal, a_count(), a_count("ESC shop", 3))
        assert show(client, admin) == [("0.0.1", "", 5)]


def test_the_settings_may_leave_calls_unrecorded(config, admin, internal):
    with recording(config, CallerRecording.OFF) as client:
        report(client, internal, a_count())
        assert show(client, admin) == []


def test_old_counts_are_forgotten(client, jobs, admin, internal, app_uow):
    report(client, internal, a_count(ago=100 * DAY), a_count())
    with app_uow() as uow:
        uow.calls.remove_before((datetime.now(UTC) - timedelta(days=90)).date())
    assert show(client, admin, days=200) == [("0.0.1", "User anna", 2)]
