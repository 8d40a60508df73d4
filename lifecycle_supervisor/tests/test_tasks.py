from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from lifecycle.app import prepare_database
from lifecycle.core import create_core
from lifecycle.deployment.upkeep.retention import DEPLOYMENTS_AT_ONCE
from lifecycle.deployment.wiring import create_deployments
from lifecycle.testing.fakes import FakeImageBuilder
from lifecycle_supervisor.tasks import DiscoveryFile, SupervisorTasks
from racetrack_commons.entities.dto import JobImage, JobStatus
from racetrack_commons.testing.builders import a_deployment, a_job


@pytest.fixture
def supervising(make_config):
    """Yields the tasks of a Supervisor, and the fake Image Builder that they call."""

    @contextmanager
    def supervising(**settings):
        config = make_config(**settings)
        prepare_database(config)
        builder = FakeImageBuilder()
        core = replace(create_core(config), image_builder=builder)
        deployments = create_deployments(core)
        try:
            yield SupervisorTasks(config, core, deployments), builder
        finally:
            deployments.stop()
            core.close()

    return supervising


@pytest.fixture
def list_names(supervising):
    """Lists the names of a Supervisor's tasks."""

    def list_names(**settings):
        with supervising(**settings) as (tasks, _):
            return [task.name for task in tasks.list_all()]

    return list_names


def test_the_targets_there_are_bring_their_tasks(list_names):
    common = ["sync-jobs", "forget-old-rows", "end-leftovers", "prune-images"]
    assert list_names() == [
        *("keep-processes", "watch-answers", "watch-memory", "end-strangers", "remove-old-logs"),
        *common,
    ]
    assert list_names(built_in_targets=()) == common


def test_lost_jobs_are_brought_back_when_that_is_wanted(list_names):
    assert "reconcile" in list_names(reconciliation_loop=True)


def test_the_image_builder_learns_which_images_are_needed(supervising):
    with supervising() as (tasks, builder):
        with tasks.core.unit_of_work() as uow:
            uow.jobs.save(a_job("adder", "1.0.0", image_tag="today"))
        (task,) = [each for each in tasks.list_all() if each.name == "prune-images"]

        task.action()

    assert builder.needed == [JobImage(job_name="adder", image_tag="today")]
    assert task.delay_seconds > 0


def test_old_deployments_are_forgotten_to_the_last(supervising):
    with supervising() as (tasks, _):
        with tasks.core.unit_of_work() as uow:
            for number in range(DEPLOYMENTS_AT_ONCE + 1):
                uow.deployments.add(a_deployment(str(number)), datetime(2020, 1, 1, tzinfo=UTC))

        tasks.forget_old_rows()

        with tasks.core.unit_of_work.reading() as uow:
            assert uow.deployments.list_newest(0) == []


def keyed(*jobs):
    return {(job.name, job.version): job for job in jobs}


def test_prometheus_finds_every_replica_of_jobs_that_are_not_lost(tmp_path: Path):
    file = tmp_path / "metrics/jobs.yaml"
    jobs = keyed(
        a_job("adder", "0.0.1", replica_internal_names=["127.0.0.1:7000", "127.0.0.1:7001"]),
        a_job("primer", "0.0.2"),
        a_job("gone", "0.0.3", status=JobStatus.LOST),
    )
    DiscoveryFile().write(file, jobs)
    entries = yaml.safe_load(file.read_text())
    assert [entry["targets"] for entry in entries] == [
        ["127.0.0.1:7000", "127.0.0.1:7001"],
        ["127.0.0.1:7000"],
    ]
    assert entries[0]["labels"] == {
        "job": "job-adder-v-0-0-1",
        "job_name": "adder",
        "job_version": "0.0.1",
    }


def test_an_empty_file_is_valid_and_an_equal_one_is_left_alone(tmp_path: Path):
    file = tmp_path / "jobs.yaml"
    DiscoveryFile().write(file, {})
    assert yaml.safe_load(file.read_text()) == []
    written = file.stat().st_mtime_ns
    DiscoveryFile().write(file, {})
    assert file.stat().st_mtime_ns == written


def test_a_file_that_was_removed_comes_back(tmp_path: Path):
    file, discovery, jobs = tmp_path / "jobs.yaml", DiscoveryFile(), keyed(a_job())
    discovery.write(file, jobs)
    text = file.read_text()
    file.unlink()

    discovery.write(file, jobs)

    assert file.read_text() == text
