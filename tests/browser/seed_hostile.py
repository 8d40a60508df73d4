"""Fills the configured database with rows whose texts attack the pages that show them.

Each payload is in a row of its own, for lists; the job and the deployment `all` have every payload in each text.
"""

import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import yaml
from lifecycle.app import prepare_database
from lifecycle.config import Config
from lifecycle.database.connections import connect
from lifecycle.database.tables.auth import EscRow, UserRow
from lifecycle.database.tables.deployment import DeploymentRow
from lifecycle.database.tables.installation import AuditLogEventRow
from lifecycle.database.tables.job import JobFamilyRow, JobRow, PublicEndpointRow
from racetrack_commons.testing.builders import a_manifest_dict
from sqlalchemy.orm import Session

from browser.payloads import make_payloads

PLUGIN = "hostile"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def make_id(kind: int, number: int) -> str:
    """Return the id of a row, by which pages address it."""
    return f"00000000-0000-4000-8{kind:03}-{number:012}"


def add_rows(session: Session, number: int, name: str, payload: str) -> None:
    """Add a job, a deployment, an ESC, a user and an event of the audit log, whose texts are the payload."""
    family = JobFamilyRow(id=make_id(0, number), name=name)
    manifest = a_manifest_dict(name, labels={"team": payload}, owner_email=payload)
    session.add(family)
    session.flush()
    session.add(_make_job(number, family, yaml.safe_dump(manifest), payload))
    session.flush()
    session.add(
        PublicEndpointRow(id=make_id(2, number), job_id=make_id(1, number), endpoint=payload)
    )
    session.add(_make_deployment(number, name, yaml.safe_dump(manifest), payload))
    session.add(EscRow(id=make_id(4, number), name=payload))
    session.add(
        UserRow(
            username=payload,
            email=payload,
            password="!",
            date_joined=NOW,
            is_active=False,
        )
    )
    session.add(
        AuditLogEventRow(
            id=make_id(5, number),
            timestamp=NOW,
            event_type="job_deployed",
            properties=json.dumps({payload: payload, "before": payload, "after": f"new {payload}"}),
            username_executor=payload,
            username_subject=payload,
            job_name=name,
            job_version=payload,
        )
    )


def _make_job(number: int, family: JobFamilyRow, manifest: str, payload: str) -> JobRow:
    return JobRow(
        id=make_id(1, number),
        family_id=family.id,
        name=family.name,
        version="1.0.0",
        status="error",
        create_time=NOW,
        update_time=NOW,
        manifest=manifest,
        internal_name=payload,
        error=payload,
        notice=payload,
        image_tag=payload,
        deployed_by=payload,
        infrastructure_target=payload,
        replica_internal_names=[payload],
        job_type_version=payload,
        infrastructure_stats={"memory_usage": payload, payload: payload},
    )


def _make_deployment(number: int, name: str, manifest: str, payload: str) -> DeploymentRow:
    return DeploymentRow(
        id=make_id(3, number),
        status="failed",
        create_time=NOW,
        update_time=NOW,
        manifest=manifest,
        error=payload,
        job_name=name,
        job_version="1.0.0",
        deployed_by=payload,
        build_logs=payload,
        phase=payload,
        image_name=payload,
        infrastructure_target=payload,
        warnings=payload,
    )


def write_plugin(folder: Path, text: str) -> None:
    """Install a plugin whose documentation and configuration are the text."""
    folder.mkdir(parents=True, exist_ok=True)
    code = f"class Plugin:\n    def markdown_docs(self):\n        return {text!r}\n"
    manifest = {"name": PLUGIN, "version": "1.0.0", "category": "core", "url": text}
    with zipfile.ZipFile(folder / f"{PLUGIN}-1.0.0.zip", "w") as package:
        package.writestr("plugin-manifest.yaml", yaml.safe_dump(manifest))
        package.writestr("plugin.py", code)
    (folder / f"broken {make_payloads()[12]}.zip".replace("/", "")).write_text(text)


def main() -> None:
    """Migrate the database, and add the rows and the plugin."""
    config = Config()
    prepare_database(config)
    payloads = make_payloads()
    with Session(connect(config)) as session:
        for number, payload in enumerate(payloads, 1):
            add_rows(session, number, f"{number:03} {payload}", payload)
        add_rows(session, 0, "all", "\n\n".join(payloads))
        session.commit()
    write_plugin(Path(config.plugins_dir), "\n\n".join(payloads))


if __name__ == "__main__":
    main()
