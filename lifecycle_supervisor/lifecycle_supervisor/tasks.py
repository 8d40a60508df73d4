"""The periodic tasks of the Supervisor, and the file in which Prometheus finds the jobs to scrape."""

import json
import os
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lifecycle.core import Core
from lifecycle.deployment.upkeep.retention import (
    Retention,
    end_leftovers,
    forget_old_deployments,
    forget_old_rows,
)
from lifecycle.deployment.wiring import DeploymentServices
from lifecycle.infrastructure.model import KeeperTask, TargetKeeper
from lifecycle.job.job_states import JobKey, JobStates
from lifecycle.job.sync import sync_jobs
from racetrack_commons.deploy.resource import job_resource_name
from racetrack_commons.entities.dto import JobDto, JobStatus
from racetrack_commons.plugin.job_types import gather_job_types

from lifecycle_supervisor.config import SupervisorConfig
from lifecycle_supervisor.periodic import PeriodicTask

IMAGE_BUILDER_STARTS_SECONDS = 60
"""Seconds that the Image Builder may take to start after the Supervisor."""


class DiscoveryFile:
    """The file in which Prometheus finds the jobs to scrape."""

    def __init__(self) -> None:
        self._written: Mapping[JobKey, JobDto] | None = None

    def write(self, path: Path, jobs: Mapping[JobKey, JobDto]) -> None:
        """Replace the file in one step, unless it has the same jobs already."""
        if jobs is self._written and path.exists():
            return
        # JSON is YAML, too, and made a hundred times faster, which counts with thousands of jobs.
        present = [job for job in jobs.values() if job.status != JobStatus.LOST]
        text = json.dumps([_describe(job) for job in present if job.internal_name])
        if not path.exists() or path.read_text() != text:
            _replace(path, text)
        self._written = jobs


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "w") as file:
        file.write(text)
    Path(temporary).chmod(0o644)
    Path(temporary).replace(path)


def _describe(job: JobDto) -> dict[str, object]:
    labels = {
        "job": job_resource_name(job.name, job.version),
        "job_name": job.name,
        "job_version": job.version,
    }
    return {"targets": job.replica_internal_names or [job.internal_name], "labels": labels}


@dataclass(frozen=True)
class SupervisorTasks:
    """The tasks, which work on the same data as Lifecycle."""

    config: SupervisorConfig
    core: Core
    deployments: DeploymentServices
    jobs_changed: threading.Event = field(default_factory=threading.Event)
    """An event that targets set when they have seen a job change, so that the next sync begins at once."""
    states: JobStates = field(default_factory=JobStates)
    """The states of jobs at the last sync, which runs in one thread."""
    discovery: DiscoveryFile = field(default_factory=DiscoveryFile)

    def list_all(self) -> list[PeriodicTask]:
        """List the tasks with their intervals."""
        config = self.config
        tasks = [
            *self._list_keeper_tasks(),
            PeriodicTask(
                "sync-jobs",
                config.sync_interval_seconds,
                self.sync_jobs,
                woken=self.jobs_changed,
            ),
            PeriodicTask("forget-old-rows", config.cleaning_interval_seconds, self.forget_old_rows),
            PeriodicTask("end-leftovers", config.cleaning_interval_seconds, self.end_leftovers),
            PeriodicTask(
                "prune-images",
                config.cleaning_interval_seconds,
                self.prune_images,
                delay_seconds=min(IMAGE_BUILDER_STARTS_SECONDS, config.cleaning_interval_seconds),
            ),
        ]
        if config.reconciliation_loop:
            reconcile = self.deployments.existing_jobs.reconcile
            tasks.append(PeriodicTask("reconcile", config.reconcile_interval_seconds, reconcile))
        return tasks

    def watch_targets(self) -> None:
        """Let the targets tell when a job changes; those of plugins that are installed later are asked at intervals."""
        for target in self.core.infrastructure.collect_targets().values():
            if target.job_monitor is not None:
                target.job_monitor.watch_jobs(self.jobs_changed.set)

    def stop_watching(self) -> None:
        """End the threads of the targets that watch jobs."""
        for target in self.core.infrastructure.collect_targets().values():
            if target.job_monitor is not None:
                target.job_monitor.stop_watching()

    def sync_jobs(self) -> None:
        """Update the registry to the state of the targets, and write the addresses of jobs for Prometheus."""
        core = self.core
        job_types = self._find_job_types()
        result = sync_jobs(
            core.unit_of_work, core.infrastructure, self.config, job_types, self.states
        )
        with core.unit_of_work.reading() as uow:
            jobs = self.states.read(uow)
        counts = Counter(job.status for job in jobs.values())
        counts[JobStatus.ORPHANED] = len(result.orphaned)
        for status in JobStatus:
            core.metrics.jobs_count_by_status.labels(status.value).set(counts[status])
        self.discovery.write(self.config.plugins_dir / "metrics/sd_config_jobs.yaml", jobs)

    def forget_old_rows(self) -> None:
        """Remove rows that are older than their retention."""
        now, retention = self.core.clock.now(), Retention.of_config(self.config)
        with self.core.unit_of_work() as uow:
            forget_old_rows(uow, now, retention)
        are_left = True
        while are_left:
            with self.core.unit_of_work() as uow:
                are_left = forget_old_deployments(uow, now, retention) > 0

    def prune_images(self) -> None:
        """Tell the Image Builder which images are needed; it removes the others."""
        with self.core.unit_of_work.reading() as uow:
            needed = uow.images.list_needed()
        self.core.image_builder.prune(needed)

    def end_leftovers(self) -> None:
        """Mark as failed the attempts that no process carries on."""
        with self.core.unit_of_work() as uow:
            end_leftovers(uow, self.core.clock.now())

    def _find_job_types(self) -> set[str] | None:
        """Return the available job types; None while no plugin is loaded, because nothing is known then."""
        return set(gather_job_types(self.core.plugins).by_key) or None

    def _list_keeper_tasks(self) -> list[PeriodicTask]:
        """List the tasks of all keepers; those of a built-in target rest while a plugin's target replaces it."""
        return [
            PeriodicTask(task.name, task.interval_seconds, self._while_in_charge(keeper, task))
            for keeper in self.core.infrastructure.list_keepers()
            for task in keeper.list_tasks()
        ]

    def _while_in_charge(self, keeper: TargetKeeper, task: KeeperTask) -> Callable[[], object]:
        def run() -> None:
            # Plugins come and go while the Supervisor runs; a keeper would remove what another target's deployer starts.
            if self.core.infrastructure.is_in_charge(keeper):
                task.run()

        return run
