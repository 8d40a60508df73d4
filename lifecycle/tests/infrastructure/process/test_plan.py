import json
import sys
from pathlib import Path

import pytest
import yaml
from lifecycle.deployer.instances import ImageGone, InstanceNotStarted
from lifecycle.infrastructure.process.plan import load_image, make_launch
from lifecycle.testing.deployer_contract import NAME, a_contract_manifest
from racetrack_client.manifest.parse import parse_manifest
from racetrack_commons.testing.builders import a_manifest_dict


@pytest.fixture
def plan(process_config):
    return lambda spec: make_launch(spec, process_config, "row-1")


def test_a_replica_is_started_in_its_image_with_its_address(plan, make_spec, process_config):
    launch = plan(make_spec("one"))

    assert launch.command == [sys.executable, "server.py", process_config.job_host, "{port}"]
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


def test_the_programs_of_the_job_come_first_and_those_of_the_platform_never(
    plan, make_spec, process_config, tmp_path, monkeypatch
):
    spec = make_spec("one")
    environment = tmp_path / "environments/one"
    (environment / "bin").mkdir(parents=True)
    for name in ("pyvenv.cfg", "bin/python"):
        (environment / name).touch()
    description = process_config.images_dir / NAME / "one/image.json"
    image = json.loads(description.read_text()) | {"python": str(environment / "bin/python")}
    description.write_text(json.dumps(image))
    monkeypatch.setenv("PATH", f"{Path(sys.prefix, 'bin')}:/usr/bin:/bin")

    variables = plan(spec).environment

    assert variables["PATH"] == f"{environment}/bin:/usr/bin:/bin"
    assert variables["VIRTUAL_ENV"] == str(environment)


def test_the_manifest_reaches_wrappers_of_all_versions_unchanged(plan, make_spec):
    values = {
        "PROMPT": r"Answer:\n{question} \\n",
        "SPLIT_ON": r"^\d+\n$",
        "KEY": '{"key": "-----BEGIN\\nMIIE\\n"}',
        "LINES": "first\nsecond\tž \N{GRINNING FACE}",
    }
    labels = {"path": "C:\\new\\table"}
    manifest = parse_manifest(a_manifest_dict(NAME, runtime_env=values, labels=labels))

    sent = plan(make_spec("one", manifest=manifest)).environment["JOB_MANIFEST_YAML"]

    for received in (sent, sent.replace("\\n", "\n")):
        content = yaml.safe_load(received)
        assert content["runtime_env"] == values
        assert content["labels"] == labels


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
