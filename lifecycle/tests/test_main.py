import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from racetrack_commons.auth.token import decode_token

KEY = "a key for tests, long enough for HS256"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "AUTH_KEY": KEY,
        "SECRET_KEY": "another key for tests, not a development one",
        "DB_TYPE": "sqlite",
        "DB_PATH": str(tmp_path / "db.sqlite3"),
        "PLUGINS_DIR": str(tmp_path / "plugins"),
    }


def test_a_token_of_a_service_can_be_made(environment):
    done = run(environment, "generate-auth", "pub", "--short")
    assert decode_token(done.stdout.strip(), KEY).subject == "pub"


def test_a_token_of_a_service_can_be_limited_and_end(environment):
    options = ("--short", "--scope", "call_job", "--expires-in", "30")
    text = run(environment, "generate-auth", "pub", *options).stdout.strip()

    payload = decode_token(text, KEY)
    assert payload.scopes == ["call_job"]
    assert payload.exp - time.time() == pytest.approx(30 * 86400, abs=600)


def test_tables_are_migrated_once(environment):
    assert "were migrated" in run(environment, "migrate").stdout
    assert "up to date" in run(environment, "migrate").stdout


@pytest.mark.parametrize("name", ["AUTH_KEY", "SECRET_KEY"])
def test_without_secrets_nothing_starts(environment, name: str):
    del environment[name]
    done = run(environment, "serve", status=1)
    assert name in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unreachable_database_stops_the_start(environment):
    environment |= {"DB_TYPE": "postgres", "POSTGRES_PORT": "1", "POSTGRES_PASSWORD": "no default"}
    done = run(environment, "serve", status=1)
    assert "lifecycle can't start: the database" in done.stderr


def test_outdated_tables_stop_the_start_where_it_may_not_migrate(environment):
    done = run({**environment, "MIGRATE_ON_START": "false"}, "serve", status=1)
    assert "lifecycle migrate" in done.stderr


def run(
    environment: dict[str, str], *arguments: str, status: int = 0
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "lifecycle", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == status, done.stderr
    return done
