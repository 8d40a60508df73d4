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
from lifecycle.database.tables.base import Base, UtcDateTime
from lifecycle.database.tables.deployment import DeploymentRow
from lifecycle.database.tables.installation import AuditLogEventRow
from lifecycle.database.tables.job import JobFamilyRow, JobRow, PublicEndpointRow
from racetrack_commons.testing.builders import a_manifest_dict
from sqlalchemy import String, inspect
from sqlalchemy.orm import Session

from browser.payloads import make_payloads

PLUGIN = "hostile"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def make_id(kind: int, number: int) -> str:
    """Return the id of a row, by which pages address it."""
    return f"00000000-0000-4000-8{kind:03}-{number:012}"


def add_rows(session: Session, number: int, name: str, payload: str) -> None:
    """Add a job, a deployment, an ESC, a user and an event of the audit log, whose texts are the payload."""
    manifest = yaml.safe_dump(a_manifest_dict(name, labels={"team": payload}, owner_email=payload))
    properties = {payload: payload, "before": payload, "after": f"new {payload}"}
    family_id, job_id = make_id(0, number), make_id(1, number)
    known: dict[type[Base], dict[str, object]] = {
        JobFamilyRow: {"id": family_id, "name": name},
        JobRow: {
            "id": job_id,
            "family_id": family_id,
            "name": name,
            "version": "1.0.0",
            "status": "error",
            "manifest": manifest,
            "replica_internal_names": [payload],
            "infrastructure_stats": {"memory_usage": payload, payload: payload},
        },
        PublicEndpointRow: {"id": make_id(2, number), "job_id": job_id},
        DeploymentRow: {
            "id": make_id(3, number),
            "job_name": name,
            "job_version": "1.0.0",
            "status": "failed",
            "manifest": manifest,
        },
        EscRow: {"id": make_id(4, number)},
        UserRow: {"password": "!"},
        AuditLogEventRow: {
            "id": make_id(5, number),
            "job_name": name,
            "event_type": "job_deployed",
            "properties": json.dumps(properties),
        },
    }
    for table, values in known.items():
        session.add(table(**fill_columns(table, payload) | values))
        session.flush()  # later rows may refer to it


def fill_columns(table: type[Base], payload: str) -> dict[str, object]:
    """Return values of a row: the payload for each column of texts, also for those to come, and `NOW` for times."""
    fillings: dict[type, object] = {String: payload, UtcDateTime: NOW}
    return {
        column.key: value
        for column in inspect(table).columns
        for kind, value in fillings.items()
        if isinstance(column.type, kind)
    }


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
