import pytest
from lifecycle.event_stream import changes
from racetrack_commons.entities.dto import ChangeKind
from starlette.websockets import WebSocketDisconnect

PATH = "/lifecycle/websocket/events"


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
        client.websocket_connect(PATH),
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
