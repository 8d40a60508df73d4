from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from racetrack_commons.plugin.engine import PluginEngine


@pytest.fixture
def plugins_dir(tmp_path: Path) -> Path:
    return tmp_path / "plugins"


@pytest.fixture
def make_engine(plugins_dir: Path) -> Iterator[Callable[..., PluginEngine]]:
    """Makes engines of the same directory, and stops them after the test."""
    engines = []

    def make(**kwargs: object) -> PluginEngine:
        engine = PluginEngine(plugins_dir, **kwargs)
        engines.append(engine)
        return engine

    yield make
    for engine in engines:
        engine.stop()


@pytest.fixture
def engine(make_engine: Callable[..., PluginEngine]) -> PluginEngine:
    return make_engine()
