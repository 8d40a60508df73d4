import sys
import zipfile

import pytest
from racetrack_client.log.errors import ServiceUnavailable
from racetrack_commons.plugin.core import PluginCore
from racetrack_commons.plugin.engine import RETRY_SECONDS, PluginEngine
from racetrack_commons.plugin.libraries import RequirementsNotInstalled, install_requirements
from racetrack_commons.testing.builders import a_plugin_zip
from racetrack_commons.testing.clock import FakeClock
from racetrack_commons.testing.serving import wait_until

LIBRARY = "tiny_library_of_a_plugin"
CODE = f"""
import {LIBRARY}

class Plugin:
    def markdown_docs(self):
        from {LIBRARY} import lazy
        return ({LIBRARY}.VERSION, lazy.VERSION)
"""


@pytest.fixture
def make_wheel(tmp_path):
    """Make a library that exists only in this test, so that no package index is needed."""

    def make(version):
        path = tmp_path / f"{LIBRARY}-{version}-py3-none-any.whl"
        info = f"{LIBRARY}-{version}.dist-info"
        with zipfile.ZipFile(path, "w") as wheel:
            for module in ("__init__", "lazy"):
                wheel.writestr(f"{LIBRARY}/{module}.py", f"VERSION = {version!r}\n")
            wheel.writestr(
                f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {LIBRARY}\nVersion: {version}\n"
            )
            wheel.writestr(
                f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            )
            wheel.writestr(f"{info}/RECORD", "")
        return path

    return make


@pytest.fixture(autouse=True)
def _imports_of_other_tests():
    """Remove the modules that the test imported, because a process has one module of each name."""
    path = list(sys.path)
    yield
    sys.path[:] = path
    for name in [name for name in sys.modules if name.partition(".")[0] == LIBRARY]:
        del sys.modules[name]


def needing(wheel, version="1.0.0", code=CODE):
    return a_plugin_zip(code, "needy", version, files={"requirements.txt": f"{wheel}\n"})


def docs(engine):
    return engine.invoke_plugin_hook(PluginCore.markdown_docs)


def test_requirements_go_to_a_directory_of_the_plugin_and_may_be_imported_late(
    engine, make_wheel, tmp_path
):
    engine.upload_plugin("a.zip", needing(make_wheel("1.0")))

    assert docs(engine) == [("1.0", "1.0")]
    [libraries] = (tmp_path / "plugins/requirements").glob("needy-1.0.0-*")
    assert (libraries / LIBRARY).is_dir()


def test_a_new_version_of_a_plugin_gets_the_libraries_that_it_asks_for(engine, make_wheel):
    engine.upload_plugin("a.zip", needing(make_wheel("1.0")))
    engine.upload_plugin("b.zip", needing(make_wheel("2.0"), "1.1.0"), replace=True)

    assert docs(engine) == [("2.0", "2.0")]


def test_a_library_that_is_the_same_stays_loaded(engine, make_wheel):
    code = f"import {LIBRARY}\nclass Plugin:\n  def markdown_docs(self):\n    return {LIBRARY}\n"
    engine.upload_plugin("a.zip", needing(make_wheel("1.0"), code=code))
    engine.upload_plugin("b.zip", needing(make_wheel("1.0"), "1.1.0", code))

    first, second = docs(engine)
    assert first is second


def test_the_same_package_is_installed_once(engine, make_wheel, tmp_path):
    wheel = make_wheel("1.0")
    engine.upload_plugin("a.zip", needing(wheel))
    wheel.unlink()

    other = PluginEngine(tmp_path / "plugins")
    other.stop()

    assert docs(other) == docs(engine)


def test_a_plugin_whose_libraries_can_not_be_fetched_is_refused_for_now(engine, tmp_path):
    with pytest.raises(RuntimeError, match="needy-or-not") as caught:
        engine.upload_plugin("needy-or-not.zip", needing(tmp_path / "missing-1.0-py3-none-any.whl"))

    assert isinstance(caught.value.__cause__, ServiceUnavailable)
    assert list((tmp_path / "plugins/requirements").glob("[!.]*")) == []


def test_fetching_libraries_is_tried_again(make_wheel, tmp_path):
    wheel = make_wheel("1.0")
    hidden = wheel.rename(tmp_path / "hidden")
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins/needy.zip").write_bytes(needing(wheel))
    clock = FakeClock()
    engine = PluginEngine(tmp_path / "plugins", clock=clock)
    try:
        assert [broken.is_temporary for broken in engine.broken_plugins] == [True]
        hidden.rename(wheel)
        clock.advance(RETRY_SECONDS)
        wait_until(lambda: docs(engine) == [("1.0", "1.0")])
    finally:
        engine.stop()


def test_requirements_that_can_not_be_installed_are_named(tmp_path):
    (tmp_path / "requirements.txt").write_text(f"{tmp_path}/missing-1.0-py3-none-any.whl\n")

    with pytest.raises(RequirementsNotInstalled, match="missing"):
        install_requirements(tmp_path, tmp_path / "target")


def test_an_empty_list_of_requirements_installs_nothing(tmp_path):
    (tmp_path / "requirements.txt").write_text("# nothing yet\n\n")

    install_requirements(tmp_path, tmp_path / "target")

    assert not (tmp_path / "target").exists()
