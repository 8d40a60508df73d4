import base64
import functools
import json
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from image_builder.config import ImageBuilderConfig
from image_builder.job_type.catalog import PluginJobTypes
from image_builder.job_type.template import (
    TemplateContext,
    TemplateRenderer,
    make_template_variables,
)
from image_builder.local import LocalBuild, LocalBuilder
from image_builder.testing.docker_engine import docker, platform_of_its_own
from racetrack_client.entities import ImageKind
from racetrack_client.plugin.bundle import bundle_plugin, load_plugin_manifest
from racetrack_commons.plugin.engine import PluginEngine
from racetrack_commons.testing.builders import a_manifest_dict
from racetrack_commons.testing.serving import wait_until

PLUGINS = Path(__file__).parents[1]
BUNDLED = PLUGINS.parent / "build/plugins"


@pytest.fixture
def engine(tmp_path):
    """The plugin engine of the services, with the bundles of all plugins here."""
    bundles = tmp_path / "bundles"
    bundles.mkdir()
    for file in PLUGINS.glob("*/plugin.py"):
        manifest = load_plugin_manifest(file.parent)
        bundle_plugin(file.parent, bundles / f"{manifest.name}.zip", manifest)
    engine = PluginEngine(tmp_path / "plugins")
    engine.install_bundled(bundles)
    yield engine
    engine.stop()


@pytest.fixture
def render():
    """Renders a template of a job type as builds do."""
    renderer = TemplateRenderer()

    def render_one(template, manifest):
        variables = make_template_variables(TemplateContext(manifest, "tar", "1.0.0", "latest"))
        return renderer.render(template, variables, "a template")

    return render_one


@pytest.fixture(scope="session")
def bundled_job_types(tmp_path_factory) -> Iterator[PluginJobTypes]:
    """The job types of a fresh platform."""
    directory = tmp_path_factory.mktemp("plugins")
    engine = PluginEngine(directory)
    engine.install_bundled(BUNDLED)
    engine.stop()
    job_types = PluginJobTypes(directory)
    yield job_types
    job_types.stop()


@dataclass
class ImageBuilds:
    """Builds images of jobs, as `image_builder build --image-kind docker` does."""

    directory: Path
    job_types: PluginJobTypes
    config: ImageBuilderConfig
    count: int = 0
    log: list[str] = field(default_factory=list)

    def __call__(self, files, **manifest) -> str:
        """Build a job of the files, and return the name of its image."""
        self.count += 1
        job = self.directory / f"job-{self.count}"
        for name, text in files.items():
            (job / name).parent.mkdir(parents=True, exist_ok=True)
            (job / name).write_text(text)
        extra = {"entrypoint_path": "adder.py"}
        content = a_manifest_dict(version="1.2.3", **{"jobtype_extra": extra} | manifest)
        kept = {key: value for key, value in content.items() if value is not None}
        (job / "job.yaml").write_text(json.dumps(kept))
        return self.build_directory(job)

    def build_directory(self, job: Path) -> str:
        """Build the job in a directory, and return the name of its image."""
        request = LocalBuild(job, ImageKind.DOCKER, f"tag-{self.count}", no_cache=False)
        self.log = []
        builder = LocalBuilder(self.config, self.job_types, dict(os.environ), self.log.append)
        return builder.build(request.make_payload()).image_names[0]


@pytest.fixture
def build(tmp_path, bundled_job_types) -> Iterator[ImageBuilds]:
    with platform_of_its_own() as platform:
        config = ImageBuilderConfig(
            docker_registry_namespace=platform,
            platform_name=platform,
            docker_build_network="host",
            workspaces_dir=tmp_path / "workspaces",
            build_logs_dir=tmp_path / "logs",
        )
        yield ImageBuilds(tmp_path, bundled_job_types, config)


@dataclass(frozen=True)
class Container:
    """A running job."""

    id: str
    client: httpx.Client

    def stop(self) -> int:
        """Stop the container, and return its exit code."""
        docker("stop", "--time=20", self.id)
        return int(docker("inspect", "--format={{.State.ExitCode}}", self.id))

    def answers(self, path, status) -> bool:
        try:
            return self.client.get(path).status_code == status
        except httpx.TransportError:
            return False


@pytest.fixture
def start():
    """Starts a container, and waits until a path responds with a status; by default until it is ready."""
    with ExitStack() as stack:

        def start_one(image, *options, awaited=("/ready", 200)) -> Container:
            container = docker("run", "--detach", "--publish=127.0.0.1::7000", *options, image)
            stack.callback(docker, "rm", "--force", container)
            address = docker("port", container, "7000/tcp").splitlines()[0]
            client = stack.enter_context(httpx.Client(base_url=f"http://{address}"))
            started = Container(container, client)
            wait_until(lambda: started.answers(*awaited), 20)
            return started

        yield start_one


@pytest.fixture
def serve_directory():
    """Serves a directory on loopback to clients with the password; returns the URL that contains it."""
    with ExitStack() as stack:

        def serve(directory, user, password):
            expected = base64.b64encode(f"{user}:{password}".encode()).decode()

            class Handler(SimpleHTTPRequestHandler):
                def send_head(self):
                    if self.headers.get("Authorization") == f"Basic {expected}":
                        return super().send_head()
                    self.send_response(401)
                    self.send_header("WWW-Authenticate", "Basic")
                    self.end_headers()
                    return None

                def log_message(self, *_):
                    pass

            handler = functools.partial(Handler, directory=str(directory))
            server = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), handler))
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            return f"http://{user}:{password}@127.0.0.1:{server.server_port}"

        yield serve
