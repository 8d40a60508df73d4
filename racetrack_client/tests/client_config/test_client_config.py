import stat
from pathlib import Path

import pytest
from racetrack_client.client_config.auth import set_user_auth
from racetrack_client.client_config.client_config import (
    ClientConfig,
    Credentials,
    load_config,
    save_config,
)
from racetrack_client.log.errors import ValidationError


def test_defaults_without_a_file_and_with_an_empty_one(tmp_path: Path):
    (tmp_path / "empty.yaml").write_text("")

    assert load_config(tmp_path / "missing.yaml") == ClientConfig()
    assert load_config(tmp_path / "empty.yaml") == ClientConfig()


def test_what_is_saved_is_loaded_and_private(tmp_path: Path):
    path = tmp_path / "new/config.yaml"
    config = ClientConfig(
        lifecycle_url="home",
        git_credentials={"github.com": Credentials(username="a", password="b")},
    )
    set_user_auth(config, "http://localhost:7202", "token")

    save_config(path, config)

    assert load_config(path) == config
    assert config.user_auths == {"http://localhost:7202/lifecycle": "token"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["config.yaml"]


def test_keys_of_other_versions_are_tolerated(tmp_path: Path):
    (tmp_path / "config.yaml").write_text("lifecycle_url: x\nfuture: 1\n")

    assert load_config(tmp_path / "config.yaml").lifecycle_url == "x"


@pytest.mark.parametrize("text", ["a: [", "- list", "user_auths: hunter2", "just text"])
def test_a_broken_file_is_named_and_its_secrets_are_not(tmp_path: Path, text: str):
    (tmp_path / "config.yaml").write_text(text)

    with pytest.raises(ValidationError, match=r"config\.yaml can't be read") as caught:
        load_config(tmp_path / "config.yaml")
    assert "hunter2" not in str(caught.value)


def test_secrets_are_not_shown_by_accident():
    config = ClientConfig(
        user_auths={"u": "hunter2"},
        git_credentials={"g": Credentials(username="me", password="hunter2")},
    )

    assert "hunter2" not in repr(config)
