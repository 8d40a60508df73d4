import pytest
from pydantic import SecretStr
from racetrack_commons.settings import CommaSeparated, Settings, SettingsError

OWN_SECRET = "a-secret-that-nobody-else-has-0123456789"


class Config(Settings):
    http_port: int = 7202
    image_builder_url: str = "http://127.0.0.1:7201"
    auth_key: SecretStr = SecretStr("")
    admin_password: SecretStr | None = None
    ports: CommaSeparated[int] = (1,)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for name in (
        "CONFIG_FILE",
        "DEVELOPMENT_MODE",
        "HTTP_PORT",
        "ADMIN_PASSWORD",
        "LOG_LEVEL",
        "PORTS",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AUTH_KEY", OWN_SECRET)


def test_the_environment_wins_over_the_file_and_the_file_over_the_default(monkeypatch, tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text("http_port: 1\nlog_level: debug\n")
    monkeypatch.setenv("CONFIG_FILE", str(file))
    monkeypatch.setenv("HTTP_PORT", "2")

    config = Config.load()

    assert (config.http_port, config.log_level) == (2, "debug")
    assert config.image_builder_url == "http://127.0.0.1:7201"


def test_arguments_win_over_the_environment(monkeypatch):
    monkeypatch.setenv("HTTP_PORT", "2")

    assert Config(http_port=3).http_port == 3


def test_several_values_are_separated_by_commas_or_a_list(monkeypatch, tmp_path):
    assert Config().ports == (1,)
    file = tmp_path / "config.yaml"
    file.write_text("ports: [2, 3]\n")
    assert Config.load(str(file)).ports == (2, 3)

    monkeypatch.setenv("PORTS", "4, 5,")
    assert Config.load(str(file)).ports == (4, 5)
    monkeypatch.setenv("PORTS", "4, many")
    with pytest.raises(SettingsError, match="PORTS: Input should be a valid integer"):
        Config.load()


def test_an_unknown_key_is_refused_with_the_key_that_was_meant(tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text("http_prot: 1\n")

    with pytest.raises(SettingsError, match=r"http_prot \(did you mean http_port\?\)"):
        Config.load(str(file))


@pytest.mark.parametrize("content", [None, "a: [", "- 1"])
def test_a_file_that_is_missing_or_no_map_is_named(tmp_path, content):
    file = tmp_path / "config.yaml"
    if content is not None:
        file.write_text(content)

    with pytest.raises(SettingsError, match=r"config\.yaml"):
        Config.load(str(file))


def test_every_wrong_value_is_named_and_none_is_shown(monkeypatch):
    monkeypatch.setenv("HTTP_PORT", "not-a-port")
    monkeypatch.setenv("DEVELOPMENT_MODE", "perhaps")

    with pytest.raises(SettingsError, match=r"HTTP_PORT.*|DEVELOPMENT_MODE") as caught:
        Config.load()

    assert "HTTP_PORT" in str(caught.value)
    assert "DEVELOPMENT_MODE" in str(caught.value)
    assert "not-a-port" not in str(caught.value)


def test_a_missing_secret_stops_the_service(monkeypatch):
    monkeypatch.delenv("AUTH_KEY")

    with pytest.raises(SettingsError, match="AUTH_KEY is missing"):
        Config.load()


@pytest.mark.parametrize("secret", ["QaPU2UW8r7KXfRtLJVCKahCK93TKhVB5", "dev", "changeme"])
def test_a_secret_that_everybody_knows_stops_the_service(monkeypatch, secret):
    monkeypatch.setenv("ADMIN_PASSWORD", secret)

    with pytest.raises(SettingsError, match="ADMIN_PASSWORD is a default") as caught:
        Config.load()

    assert secret not in str(caught.value).replace("DEVELOPMENT", "").replace("default", "")


@pytest.mark.parametrize(
    ("key", "fault"),
    [
        ("k", "has 1 bytes, and needs 32"),
        ("0123456789abcdefghijklmnopqrstu", "has 31 bytes, and needs 32"),
        ("a" * 64, "repeats the same characters"),
        ("0123456789" * 7, "repeats the same characters"),
        ("01" * 17 + "234567", None),
        ("0123456789abcdefghijklmnopqrstuv", None),
    ],
)
def test_a_weak_key_stops_the_service(monkeypatch, key, fault):
    monkeypatch.setenv("AUTH_KEY", key)
    if fault is None:
        assert Config.load().auth_key.get_secret_value() == key
        return

    with pytest.raises(SettingsError, match=f"AUTH_KEY {fault}") as caught:
        Config.load()

    assert "openssl rand -hex 32" in str(caught.value)


def test_the_key_of_stored_secrets_must_be_long_too(monkeypatch):
    class WithSecretKey(Config):
        secret_key: SecretStr = SecretStr("")

    monkeypatch.setenv("SECRET_KEY", "fifteen-letters")
    with pytest.raises(SettingsError, match="SECRET_KEY has 15 bytes, and needs 16"):
        WithSecretKey.load()


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "localhost", "127.1.2.3"])
def test_the_development_mode_is_quiet_on_a_loopback_address(address):
    assert Config(development_mode=True, http_addr=address).find_exposure() is None


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.168.0.1", "a-machine.example.com"])
def test_the_development_mode_warns_at_an_address_beyond_loopback(address):
    exposed = Config(development_mode=True, http_addr=address)
    assert f"DEVELOPMENT MODE AT {address}" in exposed.find_exposure()
    assert Config(development_mode=False, http_addr=address).find_exposure() is None


def test_development_mode_accepts_known_secrets(monkeypatch):
    monkeypatch.setenv("DEVELOPMENT_MODE", "true")
    monkeypatch.setenv("AUTH_KEY", "dev")

    assert Config.load().auth_key.get_secret_value() == "dev"


def test_secrets_do_not_show_when_settings_are_printed():
    assert OWN_SECRET not in repr(Config.load())


def test_a_secret_may_stand_in_a_file(monkeypatch, tmp_path):
    for name in ("auth_key", "admin_password"):
        (tmp_path / name).write_text(f"{name} {OWN_SECRET}\n")
        monkeypatch.setenv(f"{name.upper()}_FILE", str(tmp_path / name))
    monkeypatch.delenv("AUTH_KEY")

    config = Config.load()

    assert config.auth_key.get_secret_value() == f"auth_key {OWN_SECRET}"
    assert config.admin_password.get_secret_value() == f"admin_password {OWN_SECRET}"


def test_an_empty_file_gives_no_secret(monkeypatch, tmp_path):
    (tmp_path / "password").touch()
    monkeypatch.setenv("ADMIN_PASSWORD_FILE", str(tmp_path / "password"))

    assert Config.load().admin_password is None


def test_a_secret_of_a_file_is_checked_like_any_other(monkeypatch, tmp_path):
    (tmp_path / "key").write_text("changeme\n")
    monkeypatch.delenv("AUTH_KEY")
    monkeypatch.setenv("AUTH_KEY_FILE", str(tmp_path / "key"))

    with pytest.raises(SettingsError, match="AUTH_KEY is a default that everybody knows"):
        Config.load()


def test_two_places_for_one_secret_are_refused(monkeypatch, tmp_path):
    (tmp_path / "key").write_text(OWN_SECRET)
    monkeypatch.setenv("AUTH_KEY_FILE", str(tmp_path / "key"))

    with pytest.raises(SettingsError, match="AUTH_KEY and AUTH_KEY_FILE are both set: keep one"):
        Config.load()


def test_a_file_of_a_secret_that_cannot_be_read_is_named(monkeypatch, tmp_path):
    monkeypatch.delenv("AUTH_KEY")
    monkeypatch.setenv("AUTH_KEY_FILE", str(tmp_path / "gone"))

    with pytest.raises(SettingsError, match=r"AUTH_KEY_FILE names .*gone, which can't be read"):
        Config.load()
