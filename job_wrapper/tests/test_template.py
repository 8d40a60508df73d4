"""`job_wrapper template`."""

import sys
from pathlib import Path

import pytest
from racetrack_job_wrapper.__main__ import main

OVERLAY = """
extends: base.yaml
name: tulip
jobtype_extra: {color: red}
build_env: {SIZE: big}
secret_build_env_file: build.env
"""
BASE = (
    "name: flower\nversion: 1.2.3\nlang: golang:1.0.0\njobtype_extra: {color: white, leaves: 2}\n"
)
TEMPLATE = """{{ manifest.name }} {{ manifest.version }} {{ manifest.get_jobtype() }} {{ manifest.missing }}
{{ manifest_jobtype_extra.color }} {{ manifest.get_jobtype_extra().leaves }}
{% for name, value in env_vars.items() %}{{ name }}={{ value }} {% endfor %}"""


@pytest.fixture
def job():
    """The files of a job, in the working directory."""
    Path("job.yaml").write_text(OVERLAY)
    Path("base.yaml").write_text(BASE)
    Path("build.env").write_text("# mine\nexport TOKEN='a=b'\n\nEMPTY=\n")
    Path("in").write_text(TEMPLATE)


def test_a_template_is_rendered_with_the_merged_manifest_and_all_build_variables(job):
    assert main(["template", "in", "out"]) == 0

    assert Path("out").read_text().splitlines() == [
        "tulip 1.2.3 golang:1.0.0 ",
        "red 2",
        "SIZE=big TOKEN=a=b EMPTY= ",
    ]


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("job.yaml", "- a", "job.yaml is not a mapping"),
        ("job.yaml", "name: [", "job.yaml can't be read"),
        ("job.yaml", "extends: none.yaml", "none.yaml can't be read"),
        ("job.yaml", "secret_build_env_file: none.env", "secret variables none.env can't be read"),
        ("in", "{{ manifest.name", "in can't be rendered"),
    ],
)
def test_what_is_wrong_is_named(job, capsys, name, content, error):
    Path(name).write_text(content)

    assert main(["template", "in", "out"]) == 1

    assert error in capsys.readouterr().err
    assert not Path("out").exists()


def test_jinja_is_asked_for_when_it_is_not_there(job, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)

    assert main(["template", "in", "out"]) == 1

    assert "pip install jinja2" in capsys.readouterr().err
