"""The embedded shape: settings come from the environment, over `.env.local`, over `.env`; cleaning asks."""

import os
import shutil
import subprocess

from stacks.stack import BIN, ROOT


def read_setting(clone, name, **environment):
    done = subprocess.run(
        ["bash", "-euc", f"source embedded/settings.sh; echo ${name}"],
        cwd=clone,
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def make_clone(tmp_path, local_settings=""):
    for folder in ("embedded", "compose"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    shutil.copy(ROOT / ".env", tmp_path)
    if local_settings:
        (tmp_path / ".env.local").write_text(local_settings)
    return tmp_path


def test_a_clone_starts_with_the_development_defaults(tmp_path):
    clone = make_clone(tmp_path)

    assert read_setting(clone, "DEVELOPMENT_MODE") == "true"
    assert read_setting(clone, "EXTERNAL_PUB_URL") == "http://127.0.0.1:7205/pub"


def test_the_untracked_file_wins_over_the_published_secrets(tmp_path):
    clone = make_clone(tmp_path, "DEVELOPMENT_MODE=false\nAUTH_KEY=of-this-clone\n")

    assert read_setting(clone, "DEVELOPMENT_MODE") == "false"
    assert read_setting(clone, "AUTH_KEY") == "of-this-clone"


def test_the_environment_wins_over_both_files(tmp_path):
    clone = make_clone(tmp_path, "AUTH_KEY=of-this-clone\n")
    outside = {"AUTH_KEY": "of $the 'shell'", "EXTERNAL_PUB_URL": "http://models.example.com/pub"}

    assert {name: read_setting(clone, name, **outside) for name in outside} == outside


def test_each_clone_is_a_platform_of_its_own_on_the_docker_engine(tmp_path):
    clones = [make_clone(tmp_path / name) for name in ("mine", "colleague")]

    for setting in ("PLATFORM_NAME", "DOCKER_NETWORK"):
        mine, others = (read_setting(clone, setting) for clone in clones)
        assert mine != others


def clean(clone, **environment):
    return subprocess.run(
        ["embedded/stack", "clean"],
        cwd=clone,
        env=os.environ | {"RACETRACK_BIN": str(BIN)} | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_cleaning_names_the_data_and_removes_it_when_told(tmp_path):
    clone = make_clone(tmp_path)
    data = clone / "data"
    data.mkdir()
    (data / "racetrack.sqlite3").touch()

    asked = clean(clone)
    assert (asked.returncode, str(data) in asked.stdout, data.exists()) == (1, True, True)
    assert "FORCE=1" in asked.stderr

    told = clean(clone, FORCE="1")
    assert (told.returncode, data.exists()) == (0, False)
    assert "stays" not in told.stdout


def test_data_of_any_kind_is_removed_only_when_told(tmp_path):
    clone = make_clone(tmp_path)
    kept = clone / "data" / "notes" / "kept.txt"
    kept.parent.mkdir(parents=True)
    kept.touch()

    asked = clean(clone)
    assert (asked.returncode, str(clone / "data") in asked.stdout, kept.exists()) == (1, True, True)

    assert clean(clone, FORCE="1").returncode == 0
    assert not (clone / "data").exists()

    assert clean(clone).returncode == 0  # Nothing is there, so there is nothing to ask.
    assert not (clone / "data").exists()


def test_data_elsewhere_stays(tmp_path):
    clone, elsewhere = make_clone(tmp_path / "clone"), tmp_path / "elsewhere"
    (clone / "data").mkdir()
    (clone / "data" / "racetrack.sqlite3").touch()

    told = clean(clone, FORCE="1", RACETRACK_DATA=str(elsewhere))
    assert f"{elsewhere} (RACETRACK_DATA) stays" in told.stdout
    assert (told.returncode, (clone / "data").exists(), elsewhere.exists()) == (0, False, True)


def test_a_folder_in_the_data_of_the_clone_can_not_stay(tmp_path):
    clone = make_clone(tmp_path)
    other = clone / "data" / "other"
    other.mkdir(parents=True)
    (other / "racetrack.sqlite3").touch()

    for told in ({}, {"FORCE": "1"}):
        refused = clean(clone, RACETRACK_DATA=str(other), **told)
        assert refused.returncode == 1
        assert "move that out first" in refused.stderr
        assert (other / "racetrack.sqlite3").exists()
