from pathlib import Path

import pytest
from image_builder.job_type.template import (
    TemplateContext,
    TemplateRenderer,
    make_variables,
)
from racetrack_client.plugin.bundle import bundle_plugin, load_plugin_manifest
from racetrack_commons.plugin.engine import PluginEngine

PLUGINS = Path(__file__).parents[1]


@pytest.fixture
def engine(tmp_path):
    """Services' plugin engine, with the bundles of every plugin here."""
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
        variables = make_variables(TemplateContext(manifest, "tar", "1.0.0", "latest"))
        return renderer.render(template, variables, "a template")

    return render_one
