import zipfile

import pytest
from racetrack_commons.plugin.core import PluginCore
from racetrack_commons.plugin.engine import PluginEngine
from racetrack_commons.plugin.requirements import RequirementsNotInstalled, install_requirements
from racetrack_commons.testing.builders import a_plugin_zip


@pytest.fixture
def wheel(tmp_path):
    """A library that is nowhere but here, so that no index is asked."""
    path = tmp_path / "tiny_library_of_a_plugin-1.0.0-py3-none-any.whl"
    info = "tiny_library_of_a_plugin-1.0.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tiny_library_of_a_plugin/__init__.py", "ANSWER = 42\n")
        archive.writestr("tiny_library_of_a_plugin/lazy.py", "ANSWER = 43\n")
        archive.writestr(
            f"{info}/METADATA",
            "Metadata-Version: 2.1\nName: tiny-library-of-a-plugin\nVersion: 1.0.0\n",
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return path


def test_requirements_go_to_a_directory_of_the_plugin_and_may_be_imported_late(tmp_path, wheel):
    code = (
        "import tiny_library_of_a_plugin\n"
        "class Plugin:\n  def markdown_docs(self):\n    from tiny_library_of_a_plugin import lazy\n"
        "    return lazy.ANSWER\n"
    )
    engine = PluginEngine(tmp_path / "plugins")
    try:
        requirements = {"requirements.txt": f"{wheel}\n"}
        engine.upload_plugin("a.zip", a_plugin_zip(code, "needy", files=requirements))

        assert engine.invoke_plugin_hook(PluginCore.markdown_docs) == [43]
    finally:
        engine.stop()
    libraries = tmp_path / "plugins" / "requirements" / "needy-1.0.0"
    assert (libraries / "tiny_library_of_a_plugin").is_dir()


def test_the_same_requirements_are_not_installed_twice(tmp_path, wheel):
    plugin_dir, target = tmp_path / "plugin", tmp_path / "requirements" / "p"
    plugin_dir.mkdir()
    (plugin_dir / "requirements.txt").write_text(str(wheel))
    install_requirements(plugin_dir, target)
    wheel.unlink()

    assert install_requirements(plugin_dir, target) == target


def test_requirements_that_can_not_be_installed_leave_nothing_behind(tmp_path):
    plugin_dir, target = tmp_path / "plugin", tmp_path / "requirements" / "p"
    plugin_dir.mkdir()
    (plugin_dir / "requirements.txt").write_text(f"{tmp_path}/missing-1.0-py3-none-any.whl\n")

    with pytest.raises(RequirementsNotInstalled, match="missing"):
        install_requirements(plugin_dir, target)

    assert list(target.parent.iterdir()) == []


def test_an_empty_list_of_requirements_installs_nothing(tmp_path):
    (tmp_path / "requirements.txt").write_text("# nothing yet\n\n")

    assert install_requirements(tmp_path, tmp_path / "target") is None
    assert not (tmp_path / "target").exists()
