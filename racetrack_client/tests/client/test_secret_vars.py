from pathlib import Path

import pytest
from racetrack_client.client.secret_vars import read_secret_vars
from racetrack_client.log.errors import ValidationError


def test_variables_are_read_as_they_are_written(tmp_path: Path):
    (tmp_path / "secret.env").write_text("export TOKEN='a$b'  # mine\nURL=http://x?a=b\nEMPTY\n")

    variables = read_secret_vars(tmp_path, "secret.env")

    assert variables == {"TOKEN": "a$b", "URL": "http://x?a=b", "EMPTY": ""}


def test_a_manifest_without_secrets_has_none(tmp_path: Path):
    assert read_secret_vars(tmp_path, None) == {}


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(ValidationError, match=r"secret\.env are not there"):
        read_secret_vars(tmp_path, "secret.env")


def test_a_line_that_sets_nothing_is_named_and_not_shown(tmp_path: Path):
    (tmp_path / "secret.env").write_text("A=1\nhunter2 is no variable\n")

    with pytest.raises(ValidationError, match=r"secret\.env: line 2 must be NAME=VALUE") as caught:
        read_secret_vars(tmp_path, "secret.env")
    assert "hunter2" not in str(caught.value)


def test_a_file_that_is_no_text_is_named(tmp_path: Path):
    (tmp_path / "secret.env").write_bytes(b"A=\xff")

    with pytest.raises(ValidationError, match="are no text"):
        read_secret_vars(tmp_path, "secret.env")
