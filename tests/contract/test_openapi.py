"""What the services document is what they do: thousands of made-up requests, right and wrong, within a minute."""

import subprocess
from collections.abc import Iterator

import pytest
from stacks.embedded import EmbeddedStack, start_embedded_stack
from stacks.stack import BIN

CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "unsupported_method",
]
# Streams have no end, the admin must not lose the token that the requests show, and in maintenance
# most answers are 503.
# Without any plugin no job can be built again, which a redeploy rightly answers as a failure of the deployment.
LEFT_OUT = "/events$|/follow$|/token/user/|/maintenance$|/plugin/all$"


@pytest.fixture(scope="module")
def doomed_stack() -> Iterator[EmbeddedStack]:
    """A stack of its own: its users, plugins and rows are deleted and changed at random."""
    stack = start_embedded_stack()
    stack.racetrack("deploy", "sample/python-class")
    yield stack
    stack.stop()


@pytest.mark.parametrize(
    ("port", "path", "token", "seconds"),
    [
        ("LIFECYCLE_PORT", "/lifecycle", "ADMIN_TOKEN", 40),
        ("IMAGE_BUILDER_PORT", "", "IMAGE_BUILDER_AUTH_TOKEN", 15),
        ("PUB_PORT", "/pub", "ADMIN_TOKEN", 20),
    ],
    ids=["lifecycle", "image-builder", "pub"],
)
def test_answers_are_as_documented(doomed_stack, tmp_path, port, path, token, seconds):
    url = f"http://127.0.0.1:{doomed_stack.environment[port]}{path}"
    arguments = [f"{url}/openapi.json", "--url", url]
    arguments += [
        "--phases",
        "coverage,fuzzing,stateful",
        "--max-time",
        str(seconds),
        "--seed",
        "1",
    ]
    arguments += ["--checks", ",".join(CHECKS), "--continue-on-failure", "--warnings", "off"]
    arguments += ["--exclude-path-regex", LEFT_OUT, "--suppress-health-check", "all"]
    arguments += ["--header", f"X-Racetrack-Auth: {doomed_stack.development_secret(token)}"]
    arguments += ["--request-timeout", "30", "--no-color"]
    done = subprocess.run(
        [BIN / "schemathesis", "run", *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=seconds + 45,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert " generated, " in done.stdout
