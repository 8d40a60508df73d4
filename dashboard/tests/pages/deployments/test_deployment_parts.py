import pytest
from dashboard.pages.deployments.phases import (
    STEPS,
    StepTime,
    describe_steps,
    mark_steps,
    time_steps,
)
from dashboard.pages.deployments.rows import make_deployment_row
from dashboard.pages.deployments.secrets import read_variables


def make_deployment(**facts: object) -> dict[str, object]:
    return {
        "id": "d1",
        "status": "done",
        "kind": "redeploy",
        "phase": None,
        "error": None,
        "deployed_by": "anna",
        "create_time": 100,
        "update_time": 107,
        "is_serving": False,
        "is_restorable": True,
        "is_cancelled": False,
        "phases": [],
        **facts,
    }


@pytest.mark.parametrize(
    ("phase", "status", "marks"),
    [
        ("", "in_progress", ["now", "open", "open", "open", "open"]),
        ("preparing job type builder", "in_progress", ["now", "open", "open", "open", "open"]),
        ("starting Job server", "in_progress", ["done", "done", "now", "open", "open"]),
        ("post-deploy hooks", "in_progress", ["done", "done", "done", "done", "now"]),
        ("initializing Job entrypoint", "failed", ["done", "done", "done", "failed", "open"]),
        ("", "done", ["done"] * len(STEPS)),
    ],
)
def test_each_step_of_a_deployment_is_marked(phase, status, marks):
    assert mark_steps(phase, status) == marks


def test_a_row_tells_the_time_that_a_deployment_took():
    row = make_deployment_row(make_deployment())

    assert (row["deployment"], row["begun"], row["ended"]) == ("Redeployment", 100, 107)
    assert row["href"] == "/dashboard/deployments/d1"


def test_a_row_of_a_deployment_that_goes_on_has_its_phase_and_no_end():
    row = make_deployment_row(make_deployment(status="in_progress", phase="building image"))

    assert (row["status"], row["note"], row["ended"]) == ("in progress", "building image", 0)


def make_phases(*times: tuple[float, str]) -> list[dict[str, object]]:
    return [{"phase": phase, "begin_time": begin} for begin, phase in times]


def test_steps_that_passed_tell_how_long_they_took():
    phases = make_phases(
        (100.5, "building image"),
        (101, "preparing job type builder"),
        (104, "creating cluster resources"),
        (104.2, "starting Job server"),
        (106, "post-deploy hooks"),
    )
    deployment = make_deployment(phases=phases)

    build, create, start, load, finish = time_steps(deployment)

    assert (build, create) == (StepTime(100.5, 104), StepTime(104, 104.2))
    assert (start, load, finish) == (StepTime(104.2, 106), None, StepTime(106, 107))
    took = "build the image 4 s, create the instance 0 s, start the server 2 s, finish 1 s"
    assert describe_steps(deployment) == took


def test_the_step_that_goes_on_has_no_end_and_a_row_with_its_begin():
    phases = make_phases((100, "building image"), (105, "starting Job server"))
    deployment = make_deployment(status="in_progress", phase="starting Job server", phases=phases)

    assert time_steps(deployment)[2] == StepTime(105, None)
    assert make_deployment_row(deployment)["phase_begun"] == 105
    assert make_deployment_row(deployment)["steps"] == "build the image 5 s"


def test_steps_that_are_done_again_after_a_takeover_have_their_last_times():
    phases = make_phases(
        (100, "building image"), (102, "starting Job server"), (104, "building image")
    )
    times = time_steps(make_deployment(status="in_progress", phases=phases))
    assert times == [StepTime(104, None), None, None, None, None]


def test_a_row_of_a_failure_has_its_cause():
    error = "the job failed to start\nLast log lines:\n  boom"

    row = make_deployment_row(make_deployment(status="failed", error=error))

    assert row["cause"] == "the job failed to start"


def test_what_serves_is_not_offered_as_the_way_back():
    assert make_deployment_row(make_deployment())["is_restorable"]
    assert not make_deployment_row(make_deployment(is_serving=True))["is_restorable"]


def test_secret_variables_are_read_from_lines():
    text = "# a comment\n\nKEY=a=b\nexport OTHER = ' spaced '\nEMPTY=\n"

    assert read_variables("secrets", text) == {"KEY": "a=b", "OTHER": " spaced ", "EMPTY": ""}


@pytest.mark.parametrize("text", ["just-the-secret", "1A=secret", "A B=secret", "A=x\nA=secret"])
def test_wrong_secret_variables_are_refused_without_their_values(text):
    with pytest.raises(ValueError, match=r"Line 1 of the variables|twice") as caught:
        read_variables("variables", text)

    assert "secret" not in str(caught.value)
