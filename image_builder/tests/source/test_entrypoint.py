import pytest
from image_builder.source.entrypoint import check_source
from image_builder.testing.builders import ADDER
from racetrack_client.manifest.entrypoint import UnfitEntrypoint
from racetrack_commons.testing.builders import a_manifest


def a_job(path: str):
    return a_manifest(jobtype_extra={"entrypoint_path": path, "entrypoint_class": "Adder"})


def test_a_missing_file_is_told_with_the_files_there_are(tmp_path):
    (tmp_path / "main.py").write_text(ADDER)

    with pytest.raises(
        UnfitEntrypoint, match=r"'job\.py' is not among the job's files \(main\.py\)"
    ):
        check_source(tmp_path, a_job("job.py"))
    check_source(tmp_path, a_job("main.py"))


def test_a_class_without_endpoints_is_refused_before_anything_is_built(tmp_path):
    (tmp_path / "job.py").write_text("class Adder:\n    def preform(self): ...\n")

    with pytest.raises(UnfitEntrypoint, match="did you mean perform"):
        check_source(tmp_path, a_job("job.py"))


def test_a_path_outside_the_job_is_refused(tmp_path):
    with pytest.raises(ValueError, match="leads outside"):
        check_source(tmp_path / "job", a_job("../main.py"))
