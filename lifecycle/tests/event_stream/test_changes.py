import time
from datetime import UTC, datetime

import pytest
from lifecycle.database.connections import connect
from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.event_stream import changes
from racetrack_commons.entities.dto import ChangeKind
from racetrack_commons.testing.builders import a_deployment
from starlette.websockets import WebSocketDisconnect

PATH = "/lifecycle/websocket/events"
KINDS_PATH = "/lifecycle/websocket/changes"


def change(app_uow, kind=ChangeKind.JOB):
    with app_uow() as uow:
        uow.record_change(kind, "adder")


def test_readers_hear_that_jobs_changed(client, app_uow):
    with client.websocket_connect(PATH) as one, client.websocket_connect(PATH) as two:
        one.send_text("whatever")
        change(app_uow)

        assert one.receive_json() == {"event": "job_models_changed"}
        assert two.receive_json() == {"event": "job_models_changed"}


def test_readers_are_limited(client, monkeypatch):
    monkeypatch.setattr(changes, "MOST_READERS", 1)
    with (
        client.websocket_connect(KINDS_PATH),
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect(PATH),
    ):
        pass
    with client.websocket_connect(PATH):
        pass


def test_other_changes_are_not_told(client, app_uow):
    with client.websocket_connect(PATH) as reader:
        change(app_uow, ChangeKind.AUTH)
        change(app_uow)

        assert reader.receive_json() == {"event": "job_models_changed"}


def test_those_who_come_and_leave_are_counted(client):
    with client.websocket_connect(PATH):
        pass

    metrics = client.get("/lifecycle/metrics").text
    assert "lifecycle_event_stream_client_connected 1.0" in metrics
    assert "lifecycle_event_stream_client_disconnected 1.0" in metrics


def test_a_plain_request_is_told_that_this_is_a_websocket(client):
    answer = client.get(PATH)

    assert (answer.status_code, answer.json()) == (405, {"title": "405 Method Not Allowed"})


def test_pages_hear_the_kinds_of_all_changes_and_no_names(client, app_uow, admin):
    with client.websocket_connect(KINDS_PATH) as page:
        change(app_uow)
        assert page.receive_json() == {"kinds": ["job"]}

        client.post("/lifecycle/api/v1/escs", json={"name": "shop"}, headers=admin)
        heard = set()
        while len(heard) < 3:  # The first of them may come alone, at once.
            heard.update(page.receive_json()["kinds"])
        assert heard == {"audit", "esc", "token"}


def test_changes_soon_after_each_other_are_one_message(client, app_uow, monkeypatch):
    monkeypatch.setattr(changes, "PAUSE_SECONDS", 0.3)
    with client.websocket_connect(KINDS_PATH) as page:
        change(app_uow)
        assert page.receive_json() == {"kinds": ["job"]}
        told_at = time.monotonic()
        with app_uow() as uow:
            for kind in (ChangeKind.DEPLOYMENT, ChangeKind.AUDIT, ChangeKind.DEPLOYMENT):
                uow.record_change(kind)
        assert page.receive_json() == {"kinds": ["audit", "deployment"]}
        assert time.monotonic() - told_at > 0.2


def test_pages_are_told_that_the_connection_is_alive_but_not_of_permissions_of_services(
    client, app_uow, monkeypatch
):
    monkeypatch.setattr(changes, "KEEP_ALIVE_SECONDS", 0.05)
    with client.websocket_connect(KINDS_PATH) as page:
        change(app_uow, ChangeKind.AUTH)
        assert page.receive_json() == {"kinds": []}


def test_phases_of_deployments_are_told_but_are_no_changes_of_jobs(client, app_uow):
    with app_uow() as uow:
        uow.deployments.add(a_deployment("one"), datetime.now(UTC))
    with client.websocket_connect(PATH) as older, client.websocket_connect(KINDS_PATH) as page:
        with app_uow() as uow:
            uow.deployments.set_phase("one", "building image", datetime.now(UTC))
        assert page.receive_json() == {"kinds": ["deployment"]}
        change(app_uow)
        assert older.receive_json() == {"event": "job_models_changed"}
        assert page.receive_json() == {"kinds": ["job"]}


def test_a_change_by_another_process_is_told(client, config):
    other = UnitOfWorkFactory(connect(config))
    with client.websocket_connect(KINDS_PATH) as page:
        change(other, ChangeKind.DEPLOYMENT)
        assert page.receive_json() == {"kinds": ["deployment"]}
    other.engine.dispose()
