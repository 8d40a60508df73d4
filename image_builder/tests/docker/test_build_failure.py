from image_builder.docker.build_failure import explain_failure
from image_builder.docker.docker_cli import DockerUnavailable
from image_builder.running.programs import CommandFailed

BUILDX = """
#5 [2/4] RUN echo fine
#5 0.455 fine
#5 DONE 0.5s
#6 [3/4] RUN echo boom; exit 3
#6 0.445 boom
#6 ERROR: process "/bin/sh -c echo boom; exit 3" did not complete successfully: exit code: 3
------
 > [3/4] RUN echo boom; exit 3:
0.445 boom
------
job.Dockerfile:3
--------------------
   3 | >>> RUN echo boom; exit 3
--------------------
ERROR: failed to solve: process "/bin/sh -c echo boom; exit 3" did not complete successfully: exit code: 3
"""
OLD_BUILDKIT = """
#5 [3/4] RUN echo boom; exit 3
#5 sha256:ed35a010
#5 0.226 boom
#5 ERROR: process "/bin/sh -c echo boom; exit 3" did not complete successfully: exit code: 3
------
 > [3/4] RUN echo boom; exit 3:
------
process "/bin/sh -c echo boom; exit 3" did not complete successfully: exit code: 3
"""
CLASSIC = """
Step 3/4 : RUN echo boom; exit 3
 ---> Running in aa5b86223bff
boom
The command '/bin/sh -c echo boom; exit 3' returned a non-zero code: 3
"""
MISSING = """
#6 [2/2] COPY flowers.txt /x
D2:2
--------------------
ERROR: failed to solve: failed to compute cache key: failed to calculate checksum of ref 8617-55::ucb08: "/flowers.txt": not found
"""
CLASSIC_MISSING = """
COPY failed: file not found in build context or excluded by .dockerignore: stat flowers.txt: file does not exist
"""
NO_BASE = """
ERROR: failed to solve: rose:1: dial tcp: lookup registry-1.docker.io on 10.0.0.1:53: no such host
"""
SYNTAX = """
D3:2
--------------------
ERROR: failed to solve: dockerfile parse error on line 2: unknown instruction: COPPY (did you mean COPY?)
"""
AWAY = """
ERROR: Cannot connect to the Docker daemon at unix:///nowhere. Is the docker daemon running?
"""

FORBIDDEN = """
ERROR: permission denied while trying to connect to the Docker daemon socket: dial unix /d.sock: connect: permission denied
"""


def explain(output):
    return explain_failure(
        CommandFailed("docker failed with exit code 1", output.strip("\n").splitlines())
    )


def test_a_failed_step_is_named_with_what_it_printed():
    failure = explain(BUILDX)

    assert (
        failure.reason
        == "the step `echo boom; exit 3` (line 3 of job.Dockerfile) ended with exit code 3"
    )
    assert failure.last_lines == ("boom",)


def test_other_builders_are_understood_too():
    for output in (OLD_BUILDKIT, CLASSIC):
        failure = explain(output)
        assert failure.reason == "the step `echo boom; exit 3` ended with exit code 3"
        assert failure.last_lines == ("boom",)


def test_only_the_end_of_a_long_output_is_shown():
    many = "".join(f"#6 0.5 line {number}\n" for number in range(50))

    assert len(explain(BUILDX.replace("#6 0.445 boom\n", many)).last_lines) == 15


def test_a_missing_file_is_named_with_a_hint():
    assert explain(MISSING).reason.startswith(
        "'flowers.txt', which a COPY (line 2 of D2) needs, is not in"
    )
    assert ".gitignore" in explain(CLASSIC_MISSING).reason


def test_an_unreachable_base_image_comes_with_a_hint():
    assert "can't reach the registry of a base image" in explain(NO_BASE).reason


def test_a_wrong_instruction_is_named_with_its_line():
    assert (
        "unknown instruction: COPPY (did you mean COPY?) (line 2 of D3)" in explain(SYNTAX).reason
    )


def test_an_engine_that_is_away_is_no_fault_of_the_job():
    assert isinstance(explain(AWAY), DockerUnavailable)
    assert "start it" in explain(AWAY).reason


def test_an_engine_that_may_not_be_used_is_named_with_a_hint():
    assert isinstance(explain(FORBIDDEN), DockerUnavailable)
    assert "put its user into the group of the engine's socket" in explain(FORBIDDEN).reason


def test_a_timeout_without_output_keeps_its_reason():
    assert explain("").reason == "docker failed with exit code 1"


def test_a_step_that_was_killed_comes_with_a_hint():
    assert explain(CLASSIC.replace("code: 3", "code: 137")).reason.endswith(
        "is there enough memory for the build?"
    )


def test_a_long_step_is_shortened():
    assert len(explain(BUILDX.replace("boom; exit 3", "boom; " + "x" * 5000)).reason) < 300
