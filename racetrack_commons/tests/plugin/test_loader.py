"""The imports of a plugin while it is loaded, and their isolation from the rest of the process."""

import sys
import threading

from racetrack_commons.plugin.core import PluginCore
from racetrack_commons.plugin.engine import PluginEngine
from racetrack_commons.testing.builders import a_plugin_zip


def shows(value, *imports):
    lines = [*imports, "class Plugin:", "    def markdown_docs(self):", f"        return {value}"]
    return "\n".join(lines)


def docs(engine):
    return engine.invoke_plugin_hook(PluginCore.markdown_docs)


def test_folders_of_the_same_name_do_not_mix(engine):
    code = shows("parts.names.NAME", "import parts.names")
    for name in ("first", "second"):
        files = {"parts/names.py": f"NAME = {name!r}\n"}
        engine.upload_plugin("a.zip", a_plugin_zip(code, name, files=files))

    assert docs(engine) == ["first", "second"]
    assert "parts" not in sys.modules


def test_packages_of_the_same_name_do_not_mix(engine):
    code = shows("parts.NAME", "import parts")
    for name in ("first", "second"):
        files = {
            "parts/__init__.py": "from parts.deep import NAME\n",
            "parts/deep.py": f"NAME = {name!r}\n",
        }
        engine.upload_plugin("a.zip", a_plugin_zip(code, name, files=files))

    assert docs(engine) == ["first", "second"]
    assert not [name for name in sys.modules if name.partition(".")[0] == "parts"]


def test_a_folder_does_not_hide_a_library_of_its_name(engine):
    files = {"jinja2/job.Dockerfile": "FROM scratch\n", "httpx/README": "no module"}
    code = shows("(jinja2.__name__, bool(httpx.__file__))", "import jinja2, httpx")
    engine.upload_plugin("a.zip", a_plugin_zip(code, "folders", files=files))

    assert docs(engine) == [("jinja2", True)]


def test_a_sibling_does_not_hide_the_standard_library(engine):
    sys.modules.pop("colorsys", None)
    files = {"colorsys.py": "raise RuntimeError('the wrong one')\n"}
    code = shows("colorsys.rgb_to_hsv(0, 0, 0)[2]", "import colorsys")
    engine.upload_plugin("a.zip", a_plugin_zip(code, "colourful", files=files))

    assert docs(engine) == [0]


def test_a_module_of_the_service_is_there_again_afterwards(engine, monkeypatch):
    ours = type(sys)("settings_of_somebody")
    monkeypatch.setitem(sys.modules, "settings_of_somebody", ours)
    files = {"settings_of_somebody.py": "NAME = 'the sibling'\n"}
    code = shows("NAME", "from settings_of_somebody import NAME")
    engine.upload_plugin("a.zip", a_plugin_zip(code, "p", files=files))

    assert docs(engine) == ["the sibling"]
    assert sys.modules["settings_of_somebody"] is ours


def test_other_threads_do_not_see_siblings_while_a_plugin_is_loaded(engine):
    """While the plugin is imported, it lets another thread try to import its sibling."""
    code = """
import threading
import only_a_sibling

found = []

def look():
    try:
        import another_sibling
        found.append("found")
    except ImportError:
        found.append("not found")

thread = threading.Thread(target=look)
thread.start()
thread.join(30)

class Plugin:
    def markdown_docs(self):
        return found
"""
    files = {"only_a_sibling.py": "", "another_sibling.py": ""}
    engine.upload_plugin("a.zip", a_plugin_zip(code, "p", files=files))

    assert docs(engine) == [["not found"]]


def test_the_place_of_the_process_does_not_change(engine, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = shows(
        "(place, here)",
        "import os",
        "from pathlib import Path",
        "place = os.getcwd()",
        "here = Path(__file__).parent.joinpath('data.txt').read_text()",
    )
    engine.upload_plugin("a.zip", a_plugin_zip(code, "p", files={"data.txt": "data"}))

    assert docs(engine) == [(str(tmp_path), "data")]


def test_plugins_are_imported_one_after_the_other(tmp_path):
    """Two engines of one process load at once; each plugin sees its own sibling."""
    code = shows("NAME", "from names import NAME")
    engines = []

    def load(name):
        engine = PluginEngine(tmp_path / name)
        engines.append(engine)
        engine.upload_plugin(
            "a.zip", a_plugin_zip(code, name, files={"names.py": f"NAME = {name!r}"})
        )

    threads = [threading.Thread(target=load, args=(f"p{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    try:
        assert sorted(docs(engine)[0] for engine in engines) == ["p0", "p1", "p2", "p3"]
    finally:
        for engine in engines:
            engine.stop()
