"""Fills the configured database with jobs, deployments and audit events, for benchmarks; on the code of older commits, too."""

import argparse
from datetime import UTC, datetime, timedelta
from typing import Any

from lifecycle.app import prepare_database
from lifecycle.config import Config
from lifecycle.database.connections import connect
from lifecycle.database.tables.deployment import DeploymentRow
from lifecycle.database.tables.installation import AuditLogEventRow
from lifecycle.database.tables.job import JobFamilyRow, JobRow
from racetrack_commons.testing.builders import a_manifest_yaml
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

VERSIONS_OF_FAMILY = 20
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
STATUSES = ("running", "running", "running", "error", "lost")
OUTCOMES = ("done", "done", "failed", "done")


def make_job(number: int, family: JobFamilyRow, manifest: str) -> JobRow:
    """Return the row of a job that has been called and looked after."""
    values: dict[str, Any] = {
        "id": f"00000000-0000-4000-8000-{number:012}",
        "family_id": family.id,
        "name": family.name,
        "version": f"1.{number % VERSIONS_OF_FAMILY}.0",
        "status": STATUSES[number % len(STATUSES)],
        "create_time": BEGINNING,
        "update_time": BEGINNING + timedelta(seconds=number * 7919 % 1_000_000),
        "last_call_time": BEGINNING if number % 2 else None,
        "manifest": manifest,
        "internal_name": f"127.0.0.1:{7000 + number}",
        "replica_internal_names": [f"127.0.0.1:{7000 + number}"],
        "image_tag": "2026-01-31T120000",
        "deployed_by": f"user{number % 37}@example.com",
        "infrastructure_target": "process",
        "job_type_version": f"python3:3.{number % 4}.0",
        "infrastructure_stats": {"memory_usage": "104.2 MiB", "cpu_usage": 0.25, "restarts": 0},
    }
    return JobRow(**values)


def fill(session: Session, jobs: int) -> None:
    """Add jobs, the versions of a family after one another; they share the text of a manifest.

    Builds that read the YAML of each job at each request could then remember most of it: other manifests take them longer.
    """
    for start in range(0, jobs, VERSIONS_OF_FAMILY):
        name = f"family-{start // VERSIONS_OF_FAMILY:04}"
        family = JobFamilyRow(id=f"00000000-0000-4000-9000-{start:012}", name=name)
        session.add(family)
        session.flush()
        manifest = a_manifest_yaml(
            name,
            owner_email=f"team{start % 90}@example.com",
            labels={"team": f"team {start % 90}", "stage": "production"},
            replicas=2,
        )
        versions = range(start, min(start + VERSIONS_OF_FAMILY, jobs))
        session.add_all([make_job(number, family, manifest) for number in versions])
        session.flush()


def make_deployment(number: int) -> DeploymentRow:
    """Return the row of a deployment with a build log and, now and then, an error."""
    name = f"family-{number // VERSIONS_OF_FAMILY:04}"
    moment = BEGINNING + timedelta(seconds=number * 7919 % 1_000_000)
    return DeploymentRow(
        id=f"00000000-0000-4000-a000-{number:012}",
        status=OUTCOMES[number % len(OUTCOMES)],
        create_time=moment,
        update_time=moment + timedelta(seconds=30),
        manifest=a_manifest_yaml(name),
        error="the job did not come up in 30 s" if number % len(OUTCOMES) == 2 else None,
        job_name=name,
        job_version=f"1.{number % VERSIONS_OF_FAMILY}.0",
        deployed_by=f"user{number % 37}@example.com",
        build_logs="a line of a build log\n" * 100,
        infrastructure_target="process",
    )


def make_event(number: int) -> AuditLogEventRow:
    """Return the row of an event of the audit log."""
    return AuditLogEventRow(
        id=f"00000000-0000-4000-b000-{number:012}",
        timestamp=BEGINNING + timedelta(seconds=number * 7919 % 1_000_000),
        event_type="job_deployed" if number % 3 else "job_redeployed",
        properties='{"deployment_id": "00000000-0000-4000-a000-000000000000"}',
        username_executor=f"user{number % 37}@example.com",
        job_name=f"family-{number // VERSIONS_OF_FAMILY:04}",
        job_version=f"1.{number % VERSIONS_OF_FAMILY}.0",
    )


def vacuum(engine: Engine) -> None:
    """Let PostgreSQL know its tables, as it does by itself within a minute or two."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


def main() -> None:
    """Migrate the database, and add the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--others", type=int, default=0, help="deployments, and audit events")
    options = parser.parse_args()
    config = Config()
    prepare_database(config)
    engine = connect(config)
    with Session(engine) as session:
        fill(session, options.jobs)
        for make in (make_deployment, make_event):
            session.add_all([make(number) for number in range(options.others)])
        session.commit()
    if engine.dialect.name == "postgresql":
        vacuum(engine)
    engine.dispose()


if __name__ == "__main__":
    main()
