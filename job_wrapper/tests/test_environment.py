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


@pytest.mark.parametrize("key", ["max_websocket_message", "max_body"])
def test_a_job_whose_limit_is_no_size_is_not_loaded(serve_job, key):
    job = type("Job", (), {"perform": lambda _: 1})

    live = serve_job(job, **{key: "lots"}).get("/live")

    assert f"a size such as 64Mi in {key}, but got: lots" in live.json()["error"]
