import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from image_builder.app import create_app
from image_builder.config import ImageBuilderConfig
from image_builder.testing.builders import RECIPE, FakeJobTypes, a_job_type, a_payload, write_wheel
from pydantic import SecretStr
from racetrack_commons.auth.token import internal_token
from racetrack_commons.testing.serving import api_client

KEY = "a-key-that-only-tests-know-0123456789"


@pytest.fixture
def plugin_directory(tmp_path) -> Path:
    directory = tmp_path / "plugin"
    directory.mkdir()
    write_wheel(directory)
    return directory


@pytest.fixture
def recipe() -> dict:
    return RECIPE | {"packages": ["tiny-1.0.0-py3-none-any.whl"]}


@pytest.fixture
def job_types(plugin_directory, recipe) -> FakeJobTypes:
    return FakeJobTypes([a_job_type(plugin_directory, process=recipe)])


@pytest.fixture
def config(tmp_path) -> ImageBuilderConfig:
    return ImageBuilderConfig(
        auth_key=SecretStr(KEY),
        images_dir=tmp_path / "images",
        environments_dir=tmp_path / "environments",
        workspaces_dir=tmp_path / "workspaces",
        build_logs_dir=tmp_path / "logs",
        max_concurrent_builds=2,
        build_users=False,
    )


@pytest.fixture
def environment(tmp_path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "UV_CACHE_DIR": str(tmp_path / "uv-cache"),
    }


@pytest.fixture
def start(config, job_types, environment) -> Iterator[Callable[..., httpx.Client]]:
    """Starts a service; each call another one on the same directories."""
    headers = {"X-Racetrack-Auth": internal_token("lifecycle", KEY)}
    with ExitStack() as stack:

        def start_one(**changes) -> httpx.Client:
            changed = config.model_copy(update=changes)
            app = create_app(changed, job_types, environment, heartbeat_seconds=0.05)
            client = stack.enter_context(api_client(app, headers))
            client.timeout = httpx.Timeout(60)
            return client

        yield start_one


@pytest.fixture
def client(start) -> httpx.Client:
    return start()


def parse_events(text: str) -> list[tuple[str, object]]:
    events = []
    for block in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines())
        if "data" in lines:
            events.append((lines["event"], json.loads(lines["data"])))
    return events


@pytest.fixture
def build(client) -> Callable[..., SimpleNamespace]:
    """Asks for a build and follows it to its end."""

    def run(*args, using: httpx.Client | None = None, **kwargs) -> SimpleNamespace:
        payload = a_payload(*args, **kwargs)
        response = (using or client).post("/api/v1/build/sse", json=payload.model_dump(mode="json"))
        assert response.status_code == 200, response.text
        events = parse_events(response.text)
        kinds = {kind: [data for name, data in events if name == kind] for kind, _ in events}
        end = events[-1][1]
        result = end.get("result") or {}
        return SimpleNamespace(
            text=response.text,
            phases=kinds.get("phase", []),
            log="\n".join(kinds.get("log", [])),
            warnings=kinds.get("warning", []),
            result=result,
            error=end.get("error") or result.get("error"),
        )

    return run


@pytest.fixture
def in_thread() -> Callable[..., Callable[[], SimpleNamespace]]:
    """Calls what builds in a thread; gives a function that waits for the end."""

    def run(build: Callable[..., SimpleNamespace], *args, **kwargs):
        results = []
        thread = threading.Thread(target=lambda: results.append(build(*args, **kwargs)))
        thread.start()

        def wait() -> SimpleNamespace:
            thread.join(60)
            return results[0]

        return wait

    return run
