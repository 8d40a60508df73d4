"""The embedded shape takes its settings from the environment, over `.env.local`, over `.env`."""

import shutil
import subprocess

from stacks.stack import ROOT


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
    shutil.copytree(ROOT / "embedded", tmp_path / "embedded")
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
