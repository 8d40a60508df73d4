from pathlib import Path

import pytest
from racetrack_client.log.context_error import ContextError
from racetrack_client.log.errors import ValidationError
from racetrack_client.manifest.load import (
    load_manifest,
    load_merged_content,
    parse_extra_vars,
    require_manifest_path,
)
from racetrack_client.manifest.validate import load_validated_manifest

JOB = """
name: adder
owner_email: sample@example.com
git:
  remote: https://github.com/example/jobs
jobtype: python3:latest
runtime_env:
  LEVEL: low
"""


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_directory_means_its_job_yaml(tmp_path: Path):
    write(tmp_path / "job.yaml", JOB)

    assert load_manifest(tmp_path).name == "adder"


def test_a_file_of_any_name_may_be_named(tmp_path: Path):
    assert load_validated_manifest(write(tmp_path / "other.yaml", JOB)).name == "adder"


def test_the_legacy_name_is_found(tmp_path: Path):
    write(tmp_path / "fatman.yaml", JOB)

    assert require_manifest_path(tmp_path).name == "fatman.yaml"


def test_a_missing_manifest_names_the_directory(tmp_path: Path):
    with pytest.raises(ValidationError, match=f"there is no job.yaml in {tmp_path}"):
        load_manifest(tmp_path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name: [unclosed\n", "is not valid YAML: line 2"),
        ("- a\n- list\n", "must hold keys and values"),
        ("", "must hold keys and values"),
        ("name: !!python/object/apply:os.getpid []", "is not valid YAML"),
    ],
)
def test_what_is_not_a_map_in_yaml_is_refused(tmp_path: Path, text: str, says: str):
    with pytest.raises(ValidationError, match=says):
        load_manifest(write(tmp_path / "job.yaml", text))


def test_bytes_that_are_no_text_are_refused(tmp_path: Path):
    (tmp_path / "job.yaml").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(ValidationError, match="it is not text"):
        load_manifest(tmp_path)


def test_an_overlay_is_merged_over_its_base(tmp_path: Path):
    write(tmp_path / "base.yaml", JOB + "replicas: 2\nlabels: {a: 1}\n")
    overlay = "extends: base.yaml\nname: adder-dev\nruntime_env: {DEBUG: 'yes'}\nlabels: null\n"
    write(tmp_path / "job.yaml", overlay)

    manifest = load_manifest(tmp_path)

    assert (manifest.name, manifest.replicas) == ("adder-dev", 2)
    assert manifest.runtime_env == {"LEVEL": "low", "DEBUG": "yes"}
    assert manifest.labels is None
    assert manifest.extends is None


def test_null_in_an_overlay_takes_a_key_of_the_base_away(tmp_path: Path):
    write(tmp_path / "base.yaml", JOB)
    write(tmp_path / "job.yaml", "extends: base.yaml\nruntime_env: {LEVEL: null}\n")

    assert load_manifest(tmp_path).runtime_env == {}


def test_an_overlay_of_an_overlay_is_refused(tmp_path: Path):
    write(tmp_path / "base.yaml", "extends: other.yaml\n")
    write(tmp_path / "job.yaml", "extends: base.yaml\n")

    with pytest.raises(ValidationError, match="only one level"):
        load_manifest(tmp_path)


def test_the_path_of_the_base_must_be_relative(tmp_path: Path):
    write(tmp_path / "job.yaml", f"extends: {tmp_path}/base.yaml\n")

    with pytest.raises(ValidationError, match="must be relative"):
        load_manifest(tmp_path)


def test_a_missing_base_is_named(tmp_path: Path):
    write(tmp_path / "job.yaml", "extends: base.yaml\n")

    with pytest.raises(ValidationError, match=r"base\.yaml is not there"):
        load_manifest(tmp_path)


def test_extra_variables_override_and_make_what_is_missing(tmp_path: Path):
    write(tmp_path / "job.yaml", JOB)
    variables = parse_extra_vars(
        ["replicas=3", "runtime_env.QUERY='a=b'", "git.branch=dev", "resources.cpu_min=10m"]
    )

    content = load_merged_content(tmp_path, variables)

    assert content["replicas"] == 3
    assert content["runtime_env"]["QUERY"] == "a=b"
    assert content["git"]["branch"] == "dev"
    assert content["resources"] == {"cpu_min": "10m"}


@pytest.mark.parametrize("pair", ["novalue", "=x", "-", ""])
def test_an_extra_variable_must_be_a_pair(pair: str):
    with pytest.raises(ValidationError, match="must be KEY=VALUE"):
        parse_extra_vars([pair])


def test_an_extra_variable_removes_a_key(tmp_path: Path):
    write(tmp_path / "job.yaml", JOB)

    content = load_merged_content(tmp_path, parse_extra_vars(["runtime_env.LEVEL-", "labels-"]))

    assert content["runtime_env"] == {}


def test_an_extra_variable_below_a_text_is_refused(tmp_path: Path):
    write(tmp_path / "job.yaml", JOB)

    with pytest.raises(ValidationError, match="name is not a mapping"):
        load_merged_content(tmp_path, {"name.first": "x"})


def test_the_context_of_an_invalid_manifest_is_named(tmp_path: Path):
    write(tmp_path / "job.yaml", JOB + "replicas: 77\n")

    with pytest.raises(ContextError, match=r"validating manifest: .*\n.*replicas: 77"):
        load_validated_manifest(tmp_path)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("name: a\nowner_email: b: c\n", "  owner_email: b: c\n                ^\n  Put the value in quotes"),
        ("name: a\ngit:\n\tremote: b\n", "  →remote: b\n  ^\n  Indent with spaces: YAML accepts no tabs."),
    ],
)  # fmt: skip
def test_a_broken_line_is_shown_with_the_way_out(tmp_path, text, shown):
    (tmp_path / "job.yaml").write_text(text)

    with pytest.raises(ValidationError) as caught:
        load_manifest(tmp_path)

    assert shown in str(caught.value)


def test_a_directory_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ValidationError, match=r"there is no directory or file .*nodir"):
        load_manifest(tmp_path / "nodir")
