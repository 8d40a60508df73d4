import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lifecycle.config import Config
from lifecycle.database.encryption import SecretBox
from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.deployer.instances import InstanceSpec
from lifecycle.infrastructure.process.deployer import ProcessDeployer
from lifecycle.infrastructure.process.keeper import ProcessKeeper
from pydantic import SecretStr
from racetrack_client.manifest.validate import parse_manifest
from racetrack_commons.clock import Clock
from racetrack_commons.testing.waiting import free_port

SERVER = """
import http.server, json, os, sys
print("serving", os.environ.get("COLOUR"), flush=True)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/crash":
            os._exit(3)
        body = json.dumps(dict(os.environ)).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
"""


@pytest.fixture
def process_config(tmp_path: Path) -> Config:
    port = free_port()
    return Config(
        images_dir=tmp_path / "images",
        job_logs_dir=tmp_path / "logs",
        first_job_port=port,
        last_job_port=port + 50,
        internal_pub_url="http://pub/pub",
        secret_key=SecretStr("a secret key for tests"),
    )


@pytest.fixture
def deployer(process_config: Config, unit_of_work: UnitOfWorkFactory) -> Iterator[ProcessDeployer]:
    deployer = ProcessDeployer(
        process_config, unit_of_work, SecretBox(process_config.secret_key), Clock()
    )
    yield deployer
    for instance in deployer.list_instances():
        deployer.stop_instance(instance.instance_id, grace_seconds=0)
    ProcessKeeper(deployer).stop_all()


@pytest.fixture
def make_spec(process_config: Config) -> Callable[..., InstanceSpec]:
    """Writes an image whose program is the given one, and asks for an instance of it."""

    def make(instance_id: str, code: str = SERVER, **values: object) -> InstanceSpec:
        folder = process_config.images_dir / "adder" / instance_id
        (folder / "source").mkdir(parents=True)
        (folder / "source/server.py").write_text(code)
        image = {
            "python": sys.executable,
            "command": ["{python}", "server.py", "{host}", "{port}"],
            "environment": {"JOB_TYPE_VERSION": "1.0.0"},
        }
        (folder / "image.json").write_text(json.dumps(image))
        manifest = parse_manifest(
            {
                "name": "adder",
                "version": "0.0.1",
                "owner_email": "nobody@example.com",
                "jobtype": "python3:latest",
                "git": {"remote": "https://example.com/adder"},
                **values.pop("manifest", {}),  # type: ignore[dict-item]
            }
        )
        return InstanceSpec(instance_id, manifest, instance_id, [], 1700, **values)  # type: ignore[arg-type]

    return make
