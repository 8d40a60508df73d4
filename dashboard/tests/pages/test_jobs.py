from dashboard.pages.jobs import count_statuses


def test_failing_jobs_of_a_family_come_first():
    marks = count_statuses(["running", "error", "running", "starting", "lost"])

    assert [mark["text"] for mark in marks] == ["1 error", "1 lost", "1 starting", "2 running"]
    assert [mark["kind"] for mark in marks] == ["bad", "bad", "wait", "good"]
