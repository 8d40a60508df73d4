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
