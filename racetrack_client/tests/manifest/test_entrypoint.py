"""What the text of an entrypoint tells about the job."""

from pathlib import Path

import pytest
from racetrack_client.manifest.entrypoint import UnfitEntrypoint, examine_entrypoint
from racetrack_client.manifest.parse import parse_manifest
from racetrack_commons.testing.builders import a_manifest_dict


def check(directory: Path, class_name: str = "", job_type: str = "python3:latest", **keys):
    extra = {"entrypoint_path": "job.py", "entrypoint_class": class_name}
    manifest = parse_manifest(a_manifest_dict(jobtype=job_type, jobtype_extra=extra, **keys))
    return examine_entrypoint(directory / "job.py", manifest)


def test_a_missing_class_is_told_with_the_classes_there_are(tmp_path):
    (tmp_path / "job.py").write_text("class Other: perform = 1\ndef f():\n    class Job: pass\n")

    with pytest.raises(UnfitEntrypoint, match=r"no class 'Job' in job\.py, which has: Other"):
        check(tmp_path, "Job")


def test_a_file_without_a_class_is_told_what_a_job_is(tmp_path):
    (tmp_path / "job.py").write_text("def perform(x): ...\n")

    with pytest.raises(UnfitEntrypoint, match=r"no class at all: a job is a class with perform"):
        check(tmp_path, "Job")


@pytest.mark.parametrize(
    ("code", "is_refused"),
    [
        ("class A:\n    def perform(self): ...\nclass B(A): ...\n", True),
        ("class A:\n    def perform(self): ...\nclass B: ...\n", False),
        ("class A:\n    def perform(self): ...\nclass B(A): ...\ndel A\n", False),
        ("class A:\n    def perform(self): ...\n@register\nclass B(A): ...\n", False),
    ],
)
def test_one_of_several_classes_must_be_named(tmp_path, code, is_refused):
    (tmp_path / "job.py").write_text(code)

    if is_refused:
        with pytest.raises(UnfitEntrypoint, match="set entrypoint_class to one of: A, B"):
            check(tmp_path)
    else:
        check(tmp_path)
    check(tmp_path, "B" if "B(A)" in code else "A")


def test_a_syntax_error_is_found_before_anything_runs(tmp_path):
    (tmp_path / "job.py").write_text("class Job:\n  def (\n")

    with pytest.raises(UnfitEntrypoint, match="line 2"):
        check(tmp_path, "Job")


PERFORM = "    def perform(self, x): ...\n"
EXAMPLE = "    def docs_input_example(self): ...\n"


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("class Job:\n    def preform(self): ...\n", "did you mean perform where it says preform"),
        (
            "class Job:\n    def webview(self): ...\n",
            "did you mean webview_app where it says webview",
        ),
        ("class Job:\n    def predict(self): ...\n", r"define perform\(\) in it"),
        ("class Job: ...\n", "class Job in job.py has no perform"),
        ("class Base: ...\nclass Job(Base, object): ...\n", None),
        ("from x import JobEntrypoint\nclass Job(JobEntrypoint): ...\n", "no perform"),
    ],
)
def test_a_class_that_offers_nothing_is_no_job(tmp_path, code, advice):
    (tmp_path / "job.py").write_text(code)

    with pytest.raises(UnfitEntrypoint, match=advice or "class Job in job.py"):
        check(tmp_path, "Job")
    assert check(tmp_path, "Job", "other:latest") == []


@pytest.mark.parametrize(
    "code",
    [
        # It comes to the module in any way.
        "class Job: perform = 1",
        "from other import Job",
        "from other import Real as Job",
        "from other import *",
        "Job = make()",
        "Job: type = make()",
        "try:\n    from fast import Job\nexcept ImportError:\n    class Job: perform = 1",
        "if True:\n    pass\nelse:\n    class Job: perform = 1",
        # It may offer something.
        "class Job:\n    def auxiliary_endpoints(self): ...\n",
        "class Job:\n    def auxiliary_endpoints_v2(self): ...\n",
        "class Job:\n    def webview_app(self, url): ...\n",
        "class Job:\n    def static_endpoints(self): ...\n",
        "class Job:\n    perform = predict\n",
        "class Job: ...\nJob.perform = predict\n",
        "class Job: ...\nsetattr(Job, 'perform', predict)\n",
        "class Job:\n    def __init__(self):\n        self.perform = predict\n",
        "class Job:\n    def __getattr__(self, name): ...\n",
        "class Job(Imported): ...\n",
        "class Job(metaclass=Served): ...\n",
        "@served\nclass Job: ...\n",
        "class Job:\n    if FAST:\n        def perform(self): ...\n",
    ],
)
def test_a_class_that_may_be_a_job_passes(tmp_path, code):
    (tmp_path / "job.py").write_text(code)

    check(tmp_path, "Job")
    check(tmp_path)


@pytest.mark.parametrize(
    ("code", "is_noted"),
    [
        (f"class Job:\n{PERFORM}", True),
        (f"class Job:\n{PERFORM}{EXAMPLE}", False),
        (f"class Job(Imported):\n{PERFORM}", False),
        (f"class Helper: ...\nclass Job:\n{PERFORM}", True),
        ("class Job:\n    def webview_app(self, url): ...\n", False),
    ],
)
def test_a_missing_example_is_noted(tmp_path, code, is_noted):
    (tmp_path / "job.py").write_text(code)

    assert bool(check(tmp_path)) == is_noted
    assert check(tmp_path, smoke_test=False) == []
