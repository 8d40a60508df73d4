import threading

from lifecycle_supervisor.app import create_app
from lifecycle_supervisor.config import SupervisorConfig
from pydantic import SecretStr
from racetrack_commons.testing.serving import api_client


def test_it_carries_deployments_on_and_leaves_replaced_instances_to_lifecycle(tmp_path):
    config = SupervisorConfig(
        auth_key=SecretStr("a key for tests, long enough for HS256"),
        secret_key=SecretStr("another key for tests"),
        db_type="sqlite",
        db_path=tmp_path / "db.sqlite3",
        plugins_dir=tmp_path / "plugins",
    )
    before = set(threading.enumerate())

    with api_client(create_app(config)):
        names = {thread.name for thread in set(threading.enumerate()) - before}

    assert any(name.startswith("deployments") for name in names), names
    assert "reaper" not in names
