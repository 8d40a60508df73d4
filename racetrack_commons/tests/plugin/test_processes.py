"""Several processes share the plugins' directory, and any of them may be killed."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from racetrack_commons.plugin.core import PluginCore
from racetrack_commons.plugin.engine import PluginEngine
from racetrack_commons.testing.builders import a_plugin_zip
from racetrack_commons.testing.serving import wait_until

# Prints the answer of the plugins each time it changes; errors of the engine go to stderr.
SERVICE = """
import sys, time
from racetrack_commons.plugin.core import PluginCore
from racetrack_commons.plugin.engine import PluginEngine
engine, last = PluginEngine(sys.argv[1]), None
while True:
    now = engine.invoke_plugin_hook(PluginCore.markdown_docs)
    if now != last:
        print(now, flush=True)
        last = now
    time.sleep(0.01)
"""

# Installs the package again and again, as fast as it can.
INSTALLER = """
import sys, pathlib
from racetrack_commons.plugin.engine import PluginEngine
engine = PluginEngine(sys.argv[1])
print("begin", flush=True)
while True:
    for package in sys.argv[2:]:
        engine.upload_plugin("p.zip", pathlib.Path(package).read_bytes())
"""


@pytest.fixture
def plugins_dir(tmp_path):
    return tmp_path / "plugins"


@pytest.fixture
def start(plugins_dir, tmp_path):
    """Start a process on the plugins' directory, and read its first line."""
    processes = []

    def begin(code, *arguments):
        log = (tmp_path / f"log-{len(processes)}").open("w")
        process = subprocess.Popen(
            [sys.executable, "-c", code, plugins_dir, *arguments],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        log.close()
        processes.append(process)
        assert process.stdout.readline(), (tmp_path / f"log-{len(processes) - 1}").read_text()
        return process

    yield begin
    for process in processes:
        process.kill()
        process.communicate()


def a_version(number):
    """A plugin whose answer needs its sibling and its file to be of the same version as itself."""
    code = f"""
from part import PART
class Plugin:
    def markdown_docs(self):
        return ({number}, PART, int((self.plugin_dir / "data.txt").read_text()))
"""
    files = {"part.py": f"PART = {number}\n", "data.txt": str(number)}
    return a_plugin_zip(code, "p", files=files)


def read_lines(process):
    lines = []

    def read():
        lines.extend(map(str.strip, process.stdout))

    threading.Thread(target=read, daemon=True).start()
    return lines


def test_services_follow_each_change_and_never_mix_versions(plugins_dir, start, tmp_path):
    lines = [read_lines(start(SERVICE)) for _ in range(2)]
    engine = PluginEngine(plugins_dir)
    try:
        for number in range(1, 11):
            engine.upload_plugin("p.zip", a_version(number))
        for seen in lines:
            wait_until(lambda seen=seen: seen and seen[-1] == "[(10, 10, 10)]", 30)
        engine.delete_plugin_by_version("p", "1.0.0")
        for seen in lines:
            wait_until(lambda seen=seen: seen[-1] == "[]", 30)
    finally:
        engine.stop()
    mixed = [line for seen in lines for line in seen if line not in _whole(range(1, 11))]
    assert mixed == []
    assert "can't be loaded" not in "".join(log.read_text() for log in tmp_path.glob("log-*"))


def _whole(numbers):
    return {"[]", *(f"[({number}, {number}, {number})]" for number in numbers)}


def test_the_same_plugin_can_be_uploaded_by_two_services_at_once(plugins_dir, start, tmp_path):
    for number in (1, 2):
        (tmp_path / f"{number}.zip").write_bytes(a_version(number))
    installers = [start(INSTALLER, tmp_path / f"{number}.zip") for number in (1, 2)]
    seen = read_lines(start(SERVICE))
    wait_until(lambda: {"[(1, 1, 1)]", "[(2, 2, 2)]"} <= set(seen), 60)

    assert [process.poll() for process in installers] == [None, None]
    assert set(seen) <= _whole((1, 2))


@pytest.mark.parametrize("delay", [0.0, 0.01, 0.03, 0.1])
def test_a_kill_during_an_installation_leaves_one_version_or_the_other(
    plugins_dir, start, tmp_path, delay
):
    packages = [tmp_path / "1.zip", tmp_path / "2.zip"]
    for number, package in enumerate(packages, start=1):
        package.write_bytes(a_version(number))
    installer = start(INSTALLER, *packages)
    time.sleep(delay)  # the moment of the kill, not a wait for a condition
    os.kill(installer.pid, signal.SIGKILL)
    installer.wait()

    engine = PluginEngine(plugins_dir)
    try:
        assert engine.broken_plugins == []
        assert str(engine.invoke_plugin_hook(PluginCore.markdown_docs)) in _whole((1, 2))
        engine.upload_plugin("p.zip", a_version(3))
        assert engine.invoke_plugin_hook(PluginCore.markdown_docs) == [(3, 3, 3)]
    finally:
        engine.stop()
