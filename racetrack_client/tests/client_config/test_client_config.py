import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from racetrack_client.client_config.auth import (
    find_user_auth,
    forget_user_auth,
    set_user_auth,
)
from racetrack_client.client_config.client_config import (
    ClientConfig,
    changing_config,
    load_config,
    save_config,
)
from racetrack_client.entities import Credentials
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


def test_a_link_to_the_file_stays_a_link(tmp_path: Path):
    (tmp_path / "dotfiles").mkdir()
    link = tmp_path / "config.yaml"
    link.symlink_to(tmp_path / "dotfiles/racetrack.yaml")

    save_config(link, ClientConfig(lifecycle_url="home"))

    assert link.is_symlink()
    assert load_config(tmp_path / "dotfiles/racetrack.yaml").lifecycle_url == "home"


def test_changes_at_the_same_time_are_all_kept(tmp_path: Path):
    path = tmp_path / "config.yaml"

    def set_alias(number: int) -> None:
        with changing_config(path) as config:
            config.lifecycle_url_aliases[f"a{number}"] = "http://host"

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(set_alias, range(40)))

    assert len(load_config(path).lifecycle_url_aliases) == 40


def test_a_change_that_fails_changes_nothing(tmp_path: Path):
    path = tmp_path / "config.yaml"

    def change_by_half() -> None:
        with changing_config(path) as config:
            config.lifecycle_url = "half"
            raise KeyError

    with pytest.raises(KeyError):
        change_by_half()
    assert not path.exists()


def test_a_file_that_can_not_be_read_or_written_is_named(tmp_path: Path):
    with pytest.raises(ValidationError, match="can't be read: Is a directory"):
        load_config(tmp_path)

    (tmp_path / "file").write_text("")
    with pytest.raises(ValidationError, match=r"can't be written to .* RACETRACK_CONFIG"):
        save_config(tmp_path / "file/config.yaml", ClientConfig())


def test_tokens_are_found_under_urls_that_older_clients_wrote():
    config = ClientConfig(user_auths={"https://host/lifecycle/": "old"})

    assert find_user_auth(config, "https://host/lifecycle") == "old"
    set_user_auth(config, "https://host/lifecycle", "new")
    assert config.user_auths == {"https://host/lifecycle": "new"}
    assert forget_user_auth(config, "https://host/lifecycle")
    assert not forget_user_auth(config, "https://host/lifecycle")
