"""The job type python3: a class with perform() becomes a service."""

from pathlib import Path
from typing import Any

KNOWN_EXTRA = {
    "entrypoint_path": str,
    "entrypoint_class": str,
    "requirements_path": str,
    "check_requirements": (bool, str),
    "python_version": str,
    "debian_version": str,
    "debian_backports": (bool, str),
    "memray_profiler": (bool, str),
    "max_concurrency": (int, str),
    "max_concurrency_queue": (int, str),
    "home_page": str,
}


class Plugin:
    """Offers `python3:<version of the wrapper>` for containers and for processes."""

    plugin_manifest: Any
    plugin_dir: Path

    def job_types(self) -> dict[str, dict[str, Any]]:
        """Return the definition of the job type."""
        wheels = sorted(
            path.relative_to(self.plugin_dir).as_posix()
            for path in self.plugin_dir.glob("wheels/*.whl")
        )
        return {
            f"python3:{self.plugin_manifest.version}": {
                "images": [{"source": "jobtype", "dockerfile_path": "job-template.Dockerfile", "template": True}],
                "process": {
                    "packages": wheels,
                    "python_version": "{{ manifest_jobtype_extra.python_version or '' }}",
                    "requirements_path": "{{ manifest_jobtype_extra.requirements_path or '' }}",
                    "command": [
                        "{python}", "-u", "-m", "racetrack_job_wrapper", "run",
                        "{{ manifest_jobtype_extra.entrypoint_path }}",
                        "{{ manifest_jobtype_extra.entrypoint_class or '' }}",
                        "--host", "{host}", "--port", "{port}",
                    ],
                },
            }
        }  # fmt: skip

    def validate_job_manifest(self, manifest: Any, job_type: str) -> None:
        """Refuse a manifest whose jobtype_extra is wrong, naming every error."""
        extra = manifest.get_jobtype_extra()
        errors = (
            []
            if extra.get("entrypoint_path")
            else ["entrypoint_path is missing: name the Python file with the class"]
        )
        for key, kinds in KNOWN_EXTRA.items():
            if extra.get(key) is not None and not isinstance(extra[key], kinds):
                errors.append(f"{key}: {extra[key]!r} has the wrong type")
        if errors:
            raise ValueError(f"jobtype_extra of {job_type}: " + "; ".join(errors))

    def markdown_docs(self) -> str:
        """Return the plugin's documentation."""
        return (
            "# python3\n\nA class with `perform()` becomes a service. Keys of `jobtype_extra`: "
            + ", ".join(f"`{key}`" for key in KNOWN_EXTRA)
            + ". Only `entrypoint_path` is required."
        )
