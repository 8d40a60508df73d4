from collections.abc import Callable
from pathlib import Path

import pytest
from lifecycle_supervisor.config import SupervisorConfig
from pydantic import SecretStr


@pytest.fixture
def make_config(tmp_path: Path) -> Callable[..., SupervisorConfig]:
    """Makes the settings of a Supervisor whose database is a file of the test."""

    def make(**settings: object) -> SupervisorConfig:
        return SupervisorConfig(
            auth_key=SecretStr("a key for tests, long enough for HS256"),
            secret_key=SecretStr("another key for tests"),
            db_type="sqlite",
            db_path=tmp_path / "db.sqlite3",
            plugins_dir=tmp_path / "plugins",
            **settings,
        )

    return make
