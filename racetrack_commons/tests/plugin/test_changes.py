"""Changes of plugins: their effect on running users of a plugin, and the files that remain."""

import os
import threading
import time

import pytest
from racetrack_client.log.errors import AlreadyExists, EntityNotFound, ValidationError
from racetrack_commons.plugin.core import PluginCore
from racetrack_commons.plugin.immutable_directories import KEEP_UNUSED_SECONDS
from racetrack_commons.testing.builders import a_plugin_zip
from racetrack_commons.testing.serving import wait_until

READS_CONFIG = """
class Plugin:
    def __init__(self):
        text = self.config_path.read_text()
        if "bad" in text:
            raise ValueError(f"no such key: {text}")
        self.text = text

    def markdown_docs(self):
        return self.text
"""


def docs(engine):
    return engine.invoke_plugin_hook(PluginCore.markdown_docs)


def test_a_hook_that_runs_keeps_its_files_and_its_plugin(engine):
    code = """
class Plugin:
    def run_action(self, before, after):
        before.set()
        assert after.wait(30)
        return (self.plugin_dir / "data.txt").read_text()
"""
    started, replaced = threading.Event(), threading.Event()
    results = []

    def call():
        results.append(
            engine.invoke_one_plugin_hook(
                "p", PluginCore.run_action, before=started, after=replaced
            )
        )

    engine.upload_plugin("a.zip", a_plugin_zip(code, "p", files={"data.txt": "old"}))
    caller = threading.Thread(target=call)
    caller.start()
    assert started.wait(30)
    engine.upload_plugin("a.zip", a_plugin_zip(code, "p", files={"data.txt": "new"}))
    engine.delete_plugin_by_version("p", "1.0.0")
    replaced.set()
    caller.join()

    assert results == ["old"]


def test_what_is_unused_for_a_day_is_removed(engine, plugins_dir):
    engine.upload_plugin("a.zip", a_plugin_zip(name="gone"))
    engine.upload_plugin("b.zip", a_plugin_zip(name="stays"))
    engine.delete_plugin_by_version("gone", "1.0.0")
    staging = plugins_dir / ".staging-of-a-dead-process"
    staging.mkdir()
    long_ago = time.time() - KEEP_UNUSED_SECONDS - 1
    for path in [staging, *(plugins_dir / "extracted").glob(".gone-*.unused")]:
        os.utime(path, (long_ago, long_ago))

    engine.reload()

    assert [path.name[:5] for path in (plugins_dir / "extracted").glob("[!.]*")] == ["stays"]
    assert not staging.exists()
    assert not list((plugins_dir / "extracted").glob(".gone*"))


def test_leftovers_that_can_not_be_removed_do_not_disturb(engine, plugins_dir):
    engine.upload_plugin("a.zip", a_plugin_zip(READS_CONFIG, "p"))
    [unpacked] = (plugins_dir / "extracted").glob("p-*")
    (plugins_dir / "extracted/stray").write_text("a file where directories belong")
    (plugins_dir / "extracted/.stray.unused").mkdir()
    os.utime(plugins_dir / "extracted/.stray.unused", (0, 0))

    engine.reload()

    assert docs(engine) == [""]
    assert unpacked.is_dir()


def test_a_plugin_that_comes_back_is_not_swept_away(engine, plugins_dir):
    package = a_plugin_zip(READS_CONFIG, "p")
    engine.upload_plugin("a.zip", package)
    engine.delete_plugin_by_version("p", "1.0.0")
    [marker] = (plugins_dir / "extracted").glob(".p-*.unused")
    os.utime(marker, (0, 0))

    engine.upload_plugin("a.zip", package)

    assert docs(engine) == [""]
    assert not marker.exists()


def test_a_package_put_there_by_hand_is_noticed(engine, plugins_dir):
    (plugins_dir / "by-hand.zip").write_bytes(a_plugin_zip(READS_CONFIG, "p"))
    wait_until(lambda: docs(engine) == [""])

    (plugins_dir / "config/by-hand/config.yaml").write_text("edited by hand")
    wait_until(lambda: docs(engine) == ["edited by hand"])

    (plugins_dir / "by-hand.zip").unlink()
    wait_until(lambda: docs(engine) == [])


def test_a_configuration_that_the_plugin_refuses_changes_nothing(engine):
    engine.upload_plugin("a.zip", a_plugin_zip(READS_CONFIG, "p"))
    engine.write_plugin_config("p", "1.0.0", "good")

    with pytest.raises(ValidationError, match="no such key: bad"):
        engine.write_plugin_config("p", "1.0.0", "bad")

    assert docs(engine) == ["good"]
    assert engine.read_plugin_config("p", "1.0.0") == "good"


def test_a_plugin_that_its_configuration_broke_can_be_mended(engine, plugins_dir):
    engine.upload_plugin("a.zip", a_plugin_zip(READS_CONFIG, "p"))
    (plugins_dir / "config/p-1.0.0/config.yaml").write_text("bad")
    wait_until(lambda: engine.broken_plugins)
    assert engine.read_plugin_config("p", "1.0.0") == "bad"
    assert engine.get_package("p", "1.0.0").name == "p-1.0.0.zip"

    engine.write_plugin_config("p", "1.0.0", "good")

    assert docs(engine) == ["good"]
    assert engine.broken_plugins == []


def test_a_configuration_of_nothing_is_not_found(engine):
    for change in (engine.read_plugin_config, engine.get_package, engine.delete_plugin_by_version):
        with pytest.raises(EntityNotFound):
            change("p", "1.0.0")
    with pytest.raises(EntityNotFound):
        engine.write_plugin_config("p", "1.0.0", "")


def test_a_version_that_replaces_another_inherits_its_configuration(engine):
    engine.upload_plugin("a.zip", a_plugin_zip(READS_CONFIG, "p", category="infrastructure"))
    engine.write_plugin_config("p", "1.0.0", "inherited")

    newer = a_plugin_zip(READS_CONFIG, "p", "1.1.0", category="infrastructure")
    engine.upload_plugin("b.zip", newer, replace=True)

    assert docs(engine) == ["inherited"]


def test_of_two_uploads_of_an_infrastructure_plugin_one_is_refused(engine):
    """Both uploads pass the first check; the second one finds the plugin installed when its turn comes."""
    code = "import time\ntime.sleep(0.2)\nclass Plugin:\n    pass\n"
    outcomes = []

    def upload(version):
        try:
            package = a_plugin_zip(code, "p", version, category="infrastructure")
            outcomes.append(engine.upload_plugin("a.zip", package).version)
        except RuntimeError as error:
            outcomes.append(type(error.__cause__))

    threads = [threading.Thread(target=upload, args=(f"1.{n}.0",)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert AlreadyExists in outcomes
    assert len(engine.find_plugins("p")) == 1


def test_all_plugins_that_were_removed_are_told(engine):
    engine.upload_plugin("a.zip", a_plugin_zip(name="one"))
    engine.upload_plugin("a.zip", a_plugin_zip(name="two"))

    assert [each.name for each in engine.delete_all_plugins()] == ["one", "two"]
