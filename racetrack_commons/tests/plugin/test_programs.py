"""An infrastructure plugin whose programs are missing is refused when it is installed, not at each deployment."""

import pytest
from racetrack_client.log.context_error import ContextError
from racetrack_commons.plugin.engine import PluginEngine
from racetrack_commons.testing.builders import a_plugin_zip

PLUGIN = """
import subprocess
from racetrack_client.utils.shell import shell

class Plugin:
    def infrastructure_targets(self):
        return {{}}

    def start(self, name):
        '''docker is what this plugin is about.'''
        {start}
"""
LOCAL = [
    'shell(f"docker run -d --name {name}")',
    'subprocess.run(["docker", "ps"], check=True)',
    'command = f"docker run {name}"; shell(command)',
]
OTHER = [
    'shell("echo docker")',
    'raise ValueError("docker is away")',
    'from lifecycle.deployer.infra_target import remote_shell; remote_shell("docker ps", "", "")',
]


@pytest.fixture
def install(tmp_path):
    engine = PluginEngine(tmp_path / "plugins")

    def install(start, category="infrastructure"):
        package = a_plugin_zip(PLUGIN.format(start=start), "boats", "1.0.0", category=category)
        return engine.upload_plugin("boats.zip", package)

    yield install
    engine.stop()


@pytest.mark.parametrize("start", LOCAL)
def test_a_plugin_without_its_program_is_refused_with_what_to_install(
    install, tmp_path, monkeypatch, start
):
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(
        ContextError, match=r"boats 1\.0\.0 can't work here: it runs docker, .*docker-cli"
    ):
        install(start)


@pytest.mark.parametrize("start", LOCAL)
def test_with_the_program_it_is_installed(install, tmp_path, monkeypatch, start):
    program = tmp_path / "docker"
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert install(start).name == "boats"


@pytest.mark.parametrize("start", OTHER)
def test_what_runs_elsewhere_or_is_only_named_needs_no_program(
    install, tmp_path, monkeypatch, start
):
    monkeypatch.setenv("PATH", str(tmp_path))

    assert install(start).name == "boats"


def test_other_plugins_may_do_without(install, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))

    assert install(LOCAL[0], "core").name == "boats"
