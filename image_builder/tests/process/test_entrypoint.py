import pytest
from image_builder.process.entrypoint import EntrypointNotFound, check_entrypoint


@pytest.mark.parametrize(
    "code",
    [
        "class Job: pass",
        "from other import Job",
        "from other import Real as Job",
        "from other import *",
        "Job = make()",
        "Job: type = make()",
        "try:\n    from fast import Job\nexcept ImportError:\n    class Job: pass",
        "if True:\n    pass\nelse:\n    class Job: pass",
    ],
)
def test_the_class_may_come_to_the_module_in_any_way(tmp_path, code):
    (tmp_path / "job.py").write_text(code)

    check_entrypoint(tmp_path, "job.py", "Job")


def test_a_missing_class_is_told_with_the_classes_there_are(tmp_path):
    (tmp_path / "job.py").write_text("class Other: pass\ndef f():\n    class Job: pass\n")

    with pytest.raises(EntrypointNotFound, match=r"no class 'Job' in job\.py, which has: Other"):
        check_entrypoint(tmp_path, "job.py", "Job")
    check_entrypoint(tmp_path, "job.py", "")


def test_a_missing_file_is_told_with_the_files_there_are(tmp_path):
    (tmp_path / "main.py").write_text("")

    with pytest.raises(
        EntrypointNotFound, match=r"'job\.py' is not among the job's files \(main\.py\)"
    ):
        check_entrypoint(tmp_path, "job.py", "Job")


def test_a_syntax_error_is_found_before_anything_runs(tmp_path):
    (tmp_path / "job.py").write_text("class Job:\n  def (\n")

    with pytest.raises(EntrypointNotFound, match="line 2"):
        check_entrypoint(tmp_path, "job.py", "Job")


def test_a_path_outside_the_job_is_refused(tmp_path):
    with pytest.raises(ValueError, match="leads outside"):
        check_entrypoint(tmp_path / "job", "../main.py", "Job")
