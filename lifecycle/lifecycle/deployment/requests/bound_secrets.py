"""Secrets belong to the subject who gave them: they are used only for the manifest, source and repository they were given for."""

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlsplit

from racetrack_client.manifest import Manifest
from racetrack_commons.auth.endpoint_path import has_dot_segments
from racetrack_commons.entities.audit import AuditEventType

from lifecycle.audit import AuditEvent, write_event
from lifecycle.database.unit_of_work import UnitOfWork
from lifecycle.domain.secrets import JobSecrets, SecretsBinding

_HARMLESS = {
    *("owner_email", "labels", "replicas", "resources", "drain_seconds"),
    *("smoke_test", "smoke_test_timeout", "infrastructure_target"),
}
"""Keys of the manifest that change neither the code of a job nor the callers and places that it talks to."""


@dataclass(frozen=True)
class UsableSecrets:
    """The secrets that a deployment may use, and why others are left out."""

    secrets: JobSecrets
    left_out: str = ""
    """A sentence for people; empty when all secrets are used."""


def bind_secrets(
    secrets: JobSecrets,
    manifest: Manifest,
    giver_id: str | None,
    source_digest: str | None = None,
) -> JobSecrets:
    """Return the secrets, bound to their giver and to all that they are given for."""
    if secrets.is_empty:
        return secrets
    binding = SecretsBinding(giver_id, _digest_keys(manifest), manifest.git.remote, source_digest)
    return replace(secrets, binding=binding)


def rebind_secrets(secrets: JobSecrets, manifest: Manifest) -> JobSecrets:
    """Return bound secrets as their giver wants them: for this manifest, too. Git credentials stay bound to their repository."""
    if secrets.binding is None:
        return secrets
    return replace(secrets, binding=replace(secrets.binding, manifest=_digest_keys(manifest)))


def choose_usable_secrets(
    secrets: JobSecrets, manifest: Manifest, source_digest: str | None = None
) -> UsableSecrets:
    """Leave out the secrets that were not given for this manifest and source; secrets without a binding are all used."""
    binding = secrets.binding
    if secrets.is_empty or binding is None:
        return UsableSecrets(secrets)
    changed = _list_changes(binding, manifest, source_digest)
    if changed:
        return UsableSecrets(JobSecrets(), _explain_changes(manifest, changed))
    if secrets.git_credentials and not _is_below(manifest.git.remote, binding.git_remote):
        return UsableSecrets(
            replace(secrets, git_credentials=None), _explain_remote(manifest, binding)
        )
    return UsableSecrets(secrets)


def write_left_out(
    uow: UnitOfWork, manifest: Manifest, executor: str, reason: str, now: datetime
) -> None:
    """Write to the audit log that secrets of a job are left out, and why."""
    event = AuditEvent(
        AuditEventType.SECRETS_LEFT_OUT,
        executor,
        job_name=manifest.name,
        job_version=manifest.version,
        properties={"reason": reason},
    )
    write_event(uow, event, now)


def _digest_keys(manifest: Manifest) -> dict[str, str]:
    """Return a digest of each key that was given another value than the default, so that new keys of a release change nothing."""
    values = manifest.model_dump(mode="json", exclude_defaults=True, exclude=_HARMLESS)
    return {
        key: hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
        for key, value in values.items()
    }


def _list_changes(
    binding: SecretsBinding, manifest: Manifest, source_digest: str | None
) -> list[str]:
    given, present = binding.manifest, _digest_keys(manifest)
    changed = [key for key in given | present if given.get(key) != present.get(key)]
    is_other_source = None not in (source_digest, binding.source_digest) and (
        source_digest != binding.source_digest
    )
    return [*changed, "the source"] if is_other_source else changed


def _explain_changes(manifest: Manifest, changed: list[str]) -> str:
    return (
        f"the secrets of job {manifest.name} {manifest.version} are left out, because their giver did not"
        f" change {', '.join(changed)}: deploy the job again with the secrets that it needs"
    )


def _explain_remote(manifest: Manifest, binding: SecretsBinding) -> str:
    given = urlsplit(binding.git_remote)
    return (
        f"the git credentials of job {manifest.name} {manifest.version} are left out, because they were given"
        f" for {given.scheme}://{given.hostname}{given.path}: deploy the job again with those of"
        " the new repository"
    )


def _is_below(remote: str, prefix: str) -> bool:
    """Return whether a repository has the scheme and host of another one, and its path or one below it."""
    if _split_remote(remote)[:2] != _split_remote(prefix)[:2]:
        return False
    path, allowed = _split_remote(remote)[2], _split_remote(prefix)[2]
    if has_dot_segments(path):
        return False
    return path == allowed or path.startswith(f"{allowed}/")


def _split_remote(remote: str) -> tuple[str, str, str]:
    parts = urlsplit(remote)
    host = parts.netloc.rpartition("@")[2].lower()
    return parts.scheme, host, parts.path.rstrip("/").removesuffix(".git")
