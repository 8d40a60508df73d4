"""The manifest as targets hand it to the wrapper."""

import pytest
from racetrack_job_wrapper.environment import read_environment


@pytest.mark.parametrize(
    "text",
    [
        "name: adder\nlabels: {path: 'C:\\new'}\n",
        r'{"name": "adder", "labels": {"path": "C:\u005cnew"}}',
        r"name: adder\nlabels: {path: 'C:\x5cnew'}".replace(r"'C:\x5cnew'", '"C:\\x5cnew"'),
    ],
    ids=["several lines", "escaped", "one line of an older plugin"],
)
def test_a_manifest_is_read_however_its_target_sends_it(text):
    manifest = read_environment({"JOB_MANIFEST_YAML": text}, None).manifest

    assert manifest == {"name": "adder", "labels": {"path": r"C:\new"}}


def test_a_job_whose_largest_message_is_no_size_is_not_loaded(serve_job):
    job = type("Job", (), {"perform": lambda _: 1})

    live = serve_job(job, max_websocket_message="lots").get("/live")

    assert "a size such as 64Mi in max_websocket_message, but got: lots" in live.json()["error"]
