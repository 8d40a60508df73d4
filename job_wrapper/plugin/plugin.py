"""The plugin of the job type python3, which serves a class with perform()."""

import difflib
import re
from pathlib import Path, PurePosixPath
from typing import Any

from racetrack_client.log.errors import ValidationError

TEXT = {
    "entrypoint_path": "the Python file with the class; required",
    "entrypoint_class": "the class, when the file has several with `perform`",
    "requirements_path": "file of requirements to install",
    "home_page": "where `/` leads to; default `/docs`",
}
FLAGS = {
    "memray_profiler": "true: record allocations, in containers; see `/api/v1/profiler/memray/flamegraph`, `stats`, `report`",
    "check_requirements": "accepted from older manifests; requirements that do not agree are never installed",
}
NUMBERS = {
    "max_concurrency": "most calls at once",
    "max_concurrency_queue": "most calls that wait; more are refused with 429",
}
SIZES = {
    "max_body": "largest body of a call, such as `1Gi`; default `256Mi`",
    "max_websocket_message": "largest message of a WebSocket that the job receives, such as `64Mi`; default `16Mi`",
}
PYTHON_VERSION = {
    "python_version": "such as `'3.12'`; default 3.13 in containers, any in processes"
}
IMAGE = {
    "debian_version": "of the image that containers start from; default `slim-trixie`",
}
REFUSED = {
    "debian_backports": "is not offered: newer packages are in a newer `debian_version`",
}
KNOWN = {*TEXT, *FLAGS, *NUMBERS, *SIZES, *PYTHON_VERSION, *IMAGE, *REFUSED, "smoke_test"}
"""All keys; others are accepted from older manifests, unless they look like a slip of the pen."""
_IS_WEB = "'fastapi' in imported_modules or 'starlette' in imported_modules"
ADDED_REQUIREMENTS = {
    "fastapi": _IS_WEB,
    "jinja2": f"{_IS_WEB} or 'jinja2' in imported_modules",
    "pydantic": "'pydantic' in imported_modules",
    "python-multipart": f"{_IS_WEB} or 'multipart' in imported_modules or 'python_multipart' in imported_modules",
}
"""Packages that environments of older wrappers held, and the condition of templates under which a job gets each of them."""
PATHS = ("entrypoint_path", "requirements_path")
SAFE_PATH = (
    "{{ '' if (manifest_jobtype_extra.python_version | string).startswith('3.10') else '-P' }}"
)
"""The option that keeps files of the job from the wrapper's imports; Python 3.10 has none."""
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9.+:=~-]*", re.IGNORECASE)
_SIZE = re.compile(r"[1-9][0-9]*(Ki|Mi|Gi)?")
_IMAGE_TAG = re.compile(r"[a-z0-9][a-z0-9.-]*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Plugin:
    """The job type `python3:<version of the wrapper>`, for containers and for processes."""

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
                    "requirements": [
                        f"{{{{ '{name}' if {condition} }}}}"
                        for name, condition in ADDED_REQUIREMENTS.items()
                    ],
                    "python_version": "{{ manifest_jobtype_extra.python_version or '' }}",
                    "requirements_path": "{{ manifest_jobtype_extra.requirements_path or '' }}",
                    "command": [
                        "{python}", "-u", SAFE_PATH, "-m", "racetrack_job_wrapper", "run",
                        "{{ manifest_jobtype_extra.entrypoint_path }}",
                        "{{ manifest_jobtype_extra.entrypoint_class or '' }}",
                        "--host", "{host}", "--port", "{port}", "--fd", "{fd}",
                    ],
                },
            }
        }  # fmt: skip

    def validate_job_manifest(self, manifest: Any, job_type: str) -> None:
        """Raise ValidationError with all errors of a manifest that this job type can't build."""
        extra = manifest.get_jobtype_extra()
        errors = [*_list_extra_errors(extra), *_list_build_errors(manifest)]
        if errors:
            raise ValidationError(f"the manifest does not fit {job_type}: " + "; ".join(errors))

    def markdown_docs(self) -> str:
        """Return the documentation of the plugin."""
        keys = TEXT | FLAGS | NUMBERS | SIZES | PYTHON_VERSION | IMAGE
        lines = [f"- `{key}`: {meaning}" for key, meaning in keys.items()]
        return "\n".join(
            [
                "# python3",
                "",
                "A class with `perform()` becomes a service. `jobtype_extra`:",
                "",
                *lines,
            ]
        )


def _list_extra_errors(extra: dict[str, Any]) -> list[str]:
    errors = []
    if not extra.get("entrypoint_path"):
        errors.append(
            "jobtype_extra.entrypoint_path is missing: name the Python file with the class"
        )
    errors += [
        f"jobtype_extra.{key} {why}"
        for key, why in REFUSED.items()
        if str(extra.get(key)).lower() == "true"
    ]
    for key in extra.keys() - KNOWN:
        if close := difflib.get_close_matches(str(key), KNOWN, n=1):
            errors.append(f"jobtype_extra.{key} is not known; did you mean {close[0]}?")
    given = {key: value for key, value in extra.items() if value is not None}
    for key, value in given.items():
        expected = _find_fault(key, value)
        if expected:
            errors.append(f"jobtype_extra.{key} must be {expected}, not {value!r}")
    return errors


def _find_fault(key: str, value: Any) -> str | None:
    text = str(value)
    if key in TEXT and not isinstance(value, str):
        return "text"
    if key in PATHS and (PurePosixPath(text).is_absolute() or ".." in PurePosixPath(text).parts):
        return "a path inside the job's directory"
    if key in FLAGS and text.lower() not in ("true", "false"):
        return "true or false"
    if key in NUMBERS and (isinstance(value, bool) or not text.isdigit()):
        return "a whole number"
    if key in SIZES and not _SIZE.fullmatch(text):
        return "a size of one or more bytes, such as 64Mi"
    if key in PYTHON_VERSION and not re.fullmatch(r"3\.[1-9]\d(\.\d+)?", text):
        return "3.10 or newer, in quotes: '3.10'"
    if key in IMAGE and not _IMAGE_TAG.fullmatch(text):
        return "what follows the version in a tag of Python's images, such as slim-bookworm"
    return None


def _list_build_errors(manifest: Any) -> list[str]:
    errors = [
        f"system_dependencies: {name!r} is not the name of a Debian package"
        for name in manifest.system_dependencies or []
        if not _PACKAGE.fullmatch(name)
    ]
    for name, value in (manifest.build_env or {}).items():
        if not _VARIABLE.fullmatch(name):
            errors.append(f"build_env: {name!r} is not the name of a variable")
        if "\n" in value:
            errors.append(f"build_env.{name} must be one line")
    return errors
