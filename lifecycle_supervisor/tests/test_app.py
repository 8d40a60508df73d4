import threading

from lifecycle_supervisor.app import create_app
from racetrack_commons.testing.serving import api_client


def test_it_carries_deployments_on_and_leaves_replaced_instances_to_lifecycle(make_config):
    before = set(threading.enumerate())

    with api_client(create_app(make_config())):
        names = {thread.name for thread in set(threading.enumerate()) - before}

    assert any(name.startswith("deployments") for name in names), names
    assert "reaper" not in names
