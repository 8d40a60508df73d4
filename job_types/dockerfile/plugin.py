"""The job type `dockerfile`: the job has its own Dockerfile, and the container is the whole service."""

from pathlib import PurePosixPath
from typing import Any

from racetrack_client.log.errors import ValidationError

# The path itself is a template; the second form is the key of old manifests.
DOCKERFILE_PATH = (
    "{{ manifest_jobtype_extra.dockerfile_path"
    " or (manifest.docker or {}).dockerfile_path"
    " or 'Dockerfile' }}"
)
DOCS = """# dockerfile

The job's own Dockerfile becomes its image; any language will do. `jobtype_extra`:

- `dockerfile_path`: the Dockerfile, relative to the job; default `Dockerfile`

It is a Jinja template of `manifest`, `manifest_jobtype_extra`, `env_vars` (of `build_env`), `git_version` and `resource_name`.
Build secrets are there for steps that ask: `RUN --mount=type=secret,id=build_secrets,target=/run/secrets/build_secrets.env`.

The container must listen on `0.0.0.0:7000` and answer:

| request | answer |
|---|---|
| `GET /live` | 200, JSON with `deployment_timestamp`: the variable `JOB_DEPLOYMENT_TIMESTAMP` as a number |
| `GET /ready` | 200 once it takes calls |
| `/pub/job/<name>/<version>/...` | the calls themselves, whatever the version says |
| `GET .../api/v1/examples` | optional: calls to make before a version goes live, `{"/perform": {…}}` |
| `GET /metrics` | optional: Prometheus' text format; gauge `last_call_timestamp` |
"""


class Plugin:
    """Offers `dockerfile:<version of the plugin>`, for containers only."""

    plugin_manifest: Any

    def job_types(self) -> dict[str, dict[str, Any]]:
        """Return the definition of the job type."""
        image = {"source": "job", "dockerfile_path": DOCKERFILE_PATH, "template": True}
        return {f"dockerfile:{self.plugin_manifest.version}": {"images": [image]}}

    def validate_job_manifest(self, manifest: Any, job_type: str) -> None:
        """Raise ValidationError when the path of the Dockerfile can't be inside the job's directory."""
        given = manifest.get_jobtype_extra().get("dockerfile_path")
        if given is None:
            return
        parts = PurePosixPath(given).parts if isinstance(given, str) else ()
        if not parts or parts[0] == "/" or ".." in parts:
            raise ValidationError(
                f"the manifest does not fit {job_type}: jobtype_extra.dockerfile_path must be "
                f"a path inside the job's directory, not {given!r}"
            )

    def markdown_docs(self) -> str:
        """Return the plugin's documentation."""
        return DOCS
