import json
import sys

import pytest
from lifecycle.deployer.instances import ImageGone, InstanceNotStarted
from lifecycle.infrastructure.process.plan import load_image, make_launch
from lifecycle.testing.deployer_contract import NAME, a_contract_manifest


@pytest.fixture
def plan(process_config):
    return lambda spec: make_launch(spec, process_config, "row-1", 7001)


def test_a_replica_is_started_in_its_image_with_its_address(plan, make_spec, process_config):
    launch = plan(make_spec("one"))

    assert launch.command == [sys.executable, "server.py", process_config.job_host, "7001"]
    assert launch.workdir == str((process_config.images_dir / NAME / "one/source").resolve())
    assert launch.memory_bytes == 2**30


def test_a_process_is_marked_with_its_platform_its_instance_and_its_row(
    plan, make_spec, process_config
):
    variables = plan(make_spec("one")).environment

    assert variables["RACETRACK_INSTANCES"] == str(process_config.job_logs_dir.resolve())
    assert variables["RACETRACK_INSTANCE_ID"] == "one"
    assert variables["RACETRACK_PROCESS_ID"] == "row-1"


def test_the_variables_of_the_image_yield_to_those_of_the_user(plan, make_spec, monkeypatch):
    monkeypatch.setenv("AUTH_KEY", "secret of the platform")
    monkeypatch.setenv("LANG", "C.UTF-8")

    variables = plan(make_spec("one", runtime_env={"JOB_TYPE_VERSION": "mine"})).environment

    assert (variables["JOB_TYPE_VERSION"], variables["LANG"]) == ("mine", "C.UTF-8")
    assert "AUTH_KEY" not in variables


def test_more_memory_than_allowed_is_refused(plan, make_spec):
    manifest = a_contract_manifest(resources={"memory_max": "64Gi"})

    with pytest.raises(InstanceNotStarted, match="64Gi is more than this platform allows: 8Gi"):
        plan(make_spec("one", manifest=manifest))


def test_a_missing_image_says_what_to_do(process_config):
    with pytest.raises(ImageGone, match="redeploy the job to build it again"):
        load_image(process_config.images_dir, "adder", "gone")


def test_a_damaged_image_counts_as_gone(plan, make_spec, process_config):
    spec = make_spec("one")
    description = process_config.images_dir / NAME / "one/image.json"
    for content in ("{", json.dumps({"command": ["x"], "python": "/nowhere/python"})):
        description.write_text(content)
        with pytest.raises(ImageGone):
            plan(spec)
