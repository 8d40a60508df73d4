import logging
import threading

import pytest
from racetrack_client.log.context_error import ContextError
from racetrack_client.log.errors import AlreadyExists, EntityNotFound, ValidationError
from racetrack_commons.plugin.core import PluginCore
from racetrack_commons.plugin.engine import PluginEngine
from racetrack_commons.plugin.storage import PluginStorage
from racetrack_commons.testing.builders import a_plugin_zip
from racetrack_commons.testing.serving import wait_until

NAMED = """
class Plugin:
    def markdown_docs(self):
        return f"{self.plugin_manifest.name} {self.plugin_manifest.version}"
"""


def docs(engine):
    return engine.invoke_plugin_hook(PluginCore.markdown_docs)


def put(plugins_dir, file, content):
    plugins_dir.mkdir(exist_ok=True)
    (plugins_dir / file).write_bytes(content)


def test_without_a_directory_there_are_no_plugins():
    engine = PluginEngine()

    assert engine.plugins_data == []
    assert engine.invoke_plugin_hook(PluginCore.job_types) == []
    with pytest.raises(EntityNotFound):
        engine.upload_plugin("a.zip", a_plugin_zip())


def test_plugins_are_ordered_by_priority_then_version(engine):
    engine.upload_plugin("c.zip", a_plugin_zip(NAMED, "late", "1.0.0", priority=5))
    engine.upload_plugin("b.zip", a_plugin_zip(NAMED, "early", "10.0.0"))
    engine.upload_plugin("a.zip", a_plugin_zip(NAMED, "early", "9.0.0"))

    assert docs(engine) == ["early 9.0.0", "early 10.0.0", "late 1.0.0"]
    assert engine.find_plugin("early").plugin_manifest.version == "10.0.0"
    assert engine.find_plugin("early", "9.0.0").plugin_manifest.version == "9.0.0"
    with pytest.raises(EntityNotFound, match="early 8"):
        engine.find_plugin("early", "8.0.0")


def test_a_broken_plugin_is_listed_and_disturbs_no_other(plugins_dir, make_engine):
    put(plugins_dir, "bad.zip", a_plugin_zip("raise RuntimeError('boom')", "bad"))
    put(plugins_dir, "exit.zip", a_plugin_zip("raise SystemExit(3)", "exit"))
    put(plugins_dir, "torn.zip", b"PK no zip")
    put(plugins_dir, "version.zip", a_plugin_zip(NAMED, "version", "new"))
    put(plugins_dir, "good.zip", a_plugin_zip(NAMED, "good"))

    engine = make_engine()

    assert docs(engine) == ["good 1.0.0"]
    errors = {broken.zip_path.name: broken.error for broken in engine.broken_plugins}
    assert set(errors) == {"bad.zip", "exit.zip", "torn.zip", "version.zip"}
    assert errors["bad.zip"] == "RuntimeError: boom"


def test_a_broken_plugin_can_be_deleted(plugins_dir, make_engine):
    put(plugins_dir, "anything.zip", a_plugin_zip("raise RuntimeError('boom')", "bad"))
    engine = make_engine()

    engine.delete_plugin_by_version("bad", "1.0.0")

    assert engine.broken_plugins == []
    with pytest.raises(EntityNotFound):
        engine.delete_plugin_by_version("bad", "1.0.0")


@pytest.mark.parametrize(
    "package",
    [
        b"no zip",
        a_plugin_zip(version="1.0"),
        a_plugin_zip(name="../up"),
        a_plugin_zip(unknown_key=1),
        a_plugin_zip("import a_module_that_is_nowhere"),
        a_plugin_zip("class Other: pass"),
        a_plugin_zip("class Plugin:\n  def __init__(self): raise ValueError('no')"),
    ],
)
def test_a_package_that_does_not_load_leaves_nothing_behind(engine, plugins_dir, package):
    with pytest.raises((ValidationError, ContextError)):
        engine.upload_plugin("plugin.zip", package)

    assert list(plugins_dir.glob("*.zip")) == []
    assert list(plugins_dir.glob(".staging-*")) == []
    assert engine.plugins_data == engine.broken_plugins == []


def test_versions_stand_beside_each_other_until_one_replaces_them(engine, plugins_dir):
    engine.upload_plugin("a.zip", a_plugin_zip(NAMED, "p", "1.0.0"))
    engine.upload_plugin("b.zip", a_plugin_zip(NAMED, "p", "2.0.0"))
    assert docs(engine) == ["p 1.0.0", "p 2.0.0"]

    manifest = engine.upload_plugin("c.zip", a_plugin_zip(NAMED, "p", "3.0.0"), replace=True)

    assert manifest.version == "3.0.0"
    assert docs(engine) == ["p 3.0.0"]
    assert [path.name for path in plugins_dir.glob("*.zip")] == ["p-3.0.0.zip"]


def test_the_same_version_in_another_content_takes_its_place(engine):
    engine.upload_plugin("a.zip", a_plugin_zip(NAMED, "p"))

    engine.upload_plugin("a.zip", a_plugin_zip(NAMED.replace("return f", "return 'new ' + f"), "p"))

    assert docs(engine) == ["new p 1.0.0"]


def test_a_package_under_another_file_name_gives_way_to_the_same_version(plugins_dir, make_engine):
    put(plugins_dir, "by-hand.zip", a_plugin_zip(NAMED, "p"))
    engine = make_engine()

    engine.upload_plugin("a.zip", a_plugin_zip(NAMED, "p"))

    assert [path.name for path in plugins_dir.glob("*.zip")] == ["p-1.0.0.zip"]


def test_an_infrastructure_plugin_is_only_replaced_on_demand(engine):
    engine.upload_plugin("a.zip", a_plugin_zip(NAMED, "docker", category="infrastructure"))
    newer = a_plugin_zip(NAMED, "docker", "1.1.0", category="infrastructure")

    with pytest.raises(ContextError) as caught:
        engine.upload_plugin("b.zip", newer)
    engine.upload_plugin("b.zip", newer, replace=True)

    assert isinstance(caught.value.__cause__, AlreadyExists)
    assert docs(engine) == ["docker 1.1.0"]


def test_class_attributes_are_set_before_the_plugin_is_made(engine):
    code = """
class Plugin:
    def __init__(self):
        self.seen = (self.plugin_manifest.name, self.plugin_dir.is_dir(), self.config_path.read_text())
    def markdown_docs(self):
        return self.seen
"""
    engine.upload_plugin("a.zip", a_plugin_zip(code, "p"))

    assert docs(engine) == [("p", True, "")]


def test_plugins_with_siblings_of_the_same_name_do_not_mix(engine):
    code = "from utils import NAME\nclass Plugin:\n  def markdown_docs(self):\n    return NAME\n"
    for name in ("first", "second"):
        files = {"utils.py": "from deeper import NAME\n", "deeper.py": f"NAME = {name!r}\n"}
        engine.upload_plugin("a.zip", a_plugin_zip(code, name, files=files))

    assert docs(engine) == ["first", "second"]


def test_a_plugin_of_another_component_is_listed_and_idle(engine):
    code = "raise RuntimeError('must not be imported')"
    package = a_plugin_zip(code, "elsewhere", components=["dashboard"])

    engine.upload_plugin("a.zip", package)

    assert [each.name for each in engine.plugin_manifests] == ["elsewhere"]
    assert engine.invoke_plugin_hook(PluginCore.job_types) == [{}]


def test_older_hooks_are_called_without_the_arguments_that_they_lack(engine, caplog):
    code = """
class Plugin:
    def post_job_deploy(self, manifest, job):
        return (manifest, job)
    def run_action(self, **kwargs):
        return kwargs
"""
    engine.upload_plugin("a.zip", a_plugin_zip(code, "old"))

    with caplog.at_level(logging.WARNING):
        results = engine.invoke_plugin_hook(
            PluginCore.post_job_deploy, "m", "j", "image", deployer_username="jane"
        )

    assert results == [("m", "j")]
    assert "#3, deployer_username" in caplog.text
    assert engine.invoke_one_plugin_hook("old", PluginCore.run_action, a=1) == {"a": 1}
    assert engine.invoke_one_plugin_hook("old", PluginCore.markdown_docs) is None


def test_a_failing_hook_names_plugin_and_hook(engine):
    code = "class Plugin:\n  def markdown_docs(self):\n    raise RuntimeError('boom')\n"
    engine.upload_plugin("a.zip", a_plugin_zip(code, "bad", "2.0.0"))
    engine.upload_plugin("b.zip", a_plugin_zip(NAMED, "good"))

    with pytest.raises(ContextError, match=r"hook markdown_docs of plugin bad 2\.0\.0: boom"):
        docs(engine)

    isolated = engine.invoke_hook_isolated(PluginCore.markdown_docs)
    assert [(str(plugin), result) for plugin, result in isolated] == [("good 1.0.0", "good 1.0.0")]


def test_a_configuration_is_kept_by_reinstallation_and_by_the_next_version(engine):
    code = "class Plugin:\n  def markdown_docs(self):\n    return self.config_path.read_text()\n"
    engine.upload_plugin("a.zip", a_plugin_zip(code, "p"))
    engine.write_plugin_config("p", "1.0.0", "key: value\n")
    engine.upload_plugin("b.zip", a_plugin_zip(code, "p", "1.1.0"))
    engine.delete_plugin_by_version("p", "1.0.0")
    engine.upload_plugin("a.zip", a_plugin_zip(code, "p"))

    assert docs(engine) == ["key: value\n", "key: value\n"]
    assert engine.read_plugin_config("p", "1.1.0") == "key: value\n"


def test_a_new_configuration_makes_the_plugin_anew_and_leaves_others_as_they_are(engine):
    engine.upload_plugin("a.zip", a_plugin_zip(NAMED, "configured"))
    engine.upload_plugin("b.zip", a_plugin_zip(NAMED, "other"))
    before = {str(plugin): plugin.plugin_instance for plugin in engine.plugins_data}

    engine.write_plugin_config("configured", "1.0.0", "a: 1")

    after = {str(plugin): plugin.plugin_instance for plugin in engine.plugins_data}
    assert after["configured 1.0.0"] is not before["configured 1.0.0"]
    assert after["other 1.0.0"] is before["other 1.0.0"]


def test_other_processes_notice_a_change(make_engine):
    reloaded = threading.Event()
    watching = make_engine(on_reload=reloaded.set)
    reloaded.clear()
    changing = make_engine()

    changing.upload_plugin("a.zip", a_plugin_zip(NAMED, "p"))

    assert reloaded.wait(10)
    wait_until(lambda: docs(watching) == ["p 1.0.0"])


def test_after_a_failing_reload_the_next_change_is_noticed(make_engine):
    calls = []

    def fail_once():
        calls.append(1)
        if len(calls) == 2:
            raise RuntimeError("boom")

    make_engine(on_reload=fail_once)
    changing = make_engine()
    changing.upload_plugin("a.zip", a_plugin_zip(NAMED, "p"))
    wait_until(lambda: len(calls) >= 2)

    changing.upload_plugin("b.zip", a_plugin_zip(NAMED, "q"))

    wait_until(lambda: len(calls) >= 3)


def test_the_number_of_the_last_change_only_grows(plugins_dir):
    storage = PluginStorage(plugins_dir)

    numbers = [storage.signal_change() for _ in range(3)]

    assert numbers == sorted(set(numbers))
    (plugins_dir / "last-change.txt").write_text("")
    assert storage.last_change() == 0


def test_engines_that_load_at_the_same_time_do_not_disturb_each_other(plugins_dir, make_engine):
    code = "from utils import NAME\nclass Plugin:\n  def markdown_docs(self):\n    return NAME\n"
    for number in range(8):
        name = f"p{number}"
        put(
            plugins_dir,
            f"{name}.zip",
            a_plugin_zip(code, name, files={"utils.py": f"NAME={name!r}"}),
        )
    engines = []
    threads = [threading.Thread(target=lambda: engines.append(make_engine())) for _ in range(4)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [docs(engine) for engine in engines] == [[f"p{n}" for n in range(8)]] * 4


def test_bundled_plugins_are_installed_once_and_again_when_they_change(engine, tmp_path):
    bundled = tmp_path / "bundled"
    bundled.mkdir()
    (bundled / "python3.zip").write_bytes(a_plugin_zip(NAMED, "python3-job-type", "3.0.0"))

    assert [each.version for each in engine.install_bundled(bundled)] == ["3.0.0"]
    assert engine.install_bundled(bundled) == []

    (bundled / "python3.zip").write_bytes(a_plugin_zip(NAMED, "python3-job-type", "3.1.0"))
    engine.install_bundled(bundled)
    assert docs(engine) == ["python3-job-type 3.0.0", "python3-job-type 3.1.0"]
    assert engine.install_bundled(tmp_path / "nowhere") == []


def test_all_plugins_can_be_removed(engine, plugins_dir):
    engine.upload_plugin("a.zip", a_plugin_zip(NAMED, "p"))

    engine.delete_all_plugins()

    assert engine.plugins_data == []
    assert list(plugins_dir.glob("*.zip")) == []
