"""The memory profiler; with memray itself it runs in job_types/tests, in the image of a job."""

import pytest
from racetrack_job_wrapper.profiler import MemoryProfiler, ProfilerUnusable

MEMRAY = "api/v1/profiler/memray"


def test_a_job_without_the_profiler_can_not_be_profiled(serve_job):
    assert serve_job(lambda: None).post(f"/{MEMRAY}/start").status_code == 404


def test_stopping_what_was_not_started_is_fine(tmp_path):
    MemoryProfiler(tmp_path).stop()


@pytest.mark.parametrize("make", [MemoryProfiler.read_report, MemoryProfiler.make_flamegraph])
def test_there_is_no_report_before_a_record(tmp_path, make):
    with pytest.raises(ProfilerUnusable, match="POST /api/v1/profiler/memray/start first"):
        make(MemoryProfiler(tmp_path))
