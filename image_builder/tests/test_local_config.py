from pathlib import Path

import pytest
from image_builder.__main__ import local_config


def test_a_build_alone_needs_no_secrets_and_leaves_the_jobs_directory_clean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("IMAGES_DIR", "/images")
    for name in ("AUTH_KEY", "ENVIRONMENTS_DIR", "PLUGINS_DIR"):
        monkeypatch.delenv(name, raising=False)

    config = local_config()

    assert config.images_dir == Path("/images")
    assert config.environments_dir == tmp_path / ".cache/racetrack/environments"
    assert config.plugins_dir == tmp_path / ".cache/racetrack/plugins"
