"""The rules of a manifest beyond its types.

Each rule examines the raw map, so that a wrong type does not hide another error.
"""

import difflib
import re
from collections.abc import Iterator, Sequence
from typing import Any

from racetrack_client.entities import job_resource_name
from racetrack_client.utils.quantity import Quantity

_DEFAULT_VERSION = "0.0.1"
MAX_RESOURCE_NAME_LENGTH = 63
"""Containers, services and hosts are named after the job, and a DNS label is no longer."""
MAX_REPLICAS = 50
MAX_GPUS = 64
NODE_LABEL = re.compile(r"[\w./-]+=[\w.-]*", re.ASCII)
"""A label of a cluster's node, `name=value`."""
TAINT = re.compile(r"[\w./-]+(=[\w.-]*)?:(NoSchedule|PreferNoSchedule|NoExecute)", re.ASCII)
"""A taint of a cluster's node, `key:effect` or `key=value:effect`."""
_DURATIONS = {"smoke_test_timeout": (1, 3600), "drain_seconds": (0, 86400)}
"""The least and the most seconds of each key that is a duration."""
EXTRA_KEYS = ("jobtype_extra", "python", "golang", "wrapper_properties")
"""The key of the job type's own settings, and its deprecated names; at most one of them may be given."""

DEPRECATED_KEYS = {
    "lang": "jobtype",
    "golang": "jobtype_extra",
    "python": "jobtype_extra",
    "docker": "jobtype_extra",
    "wrapper_properties": "jobtype_extra",
}
"""The deprecated keys and their replacements."""

KEYS_OF_JOB_TYPES = {
    "python3": (
        "entrypoint_path", "entrypoint_class", "requirements_path", "home_page", "memray_profiler", "check_requirements",
        "max_concurrency", "max_concurrency_queue", "max_websocket_message", "max_body", "python_version", "debian_version",
        "debian_backports", "smoke_test",
    ),
    "dockerfile": ("dockerfile_path", "smoke_test"),
}  # fmt: skip
"""The keys of `jobtype_extra` for the bundled job types; those of other job types are known to their plugins alone."""
MOVED_KEYS = {
    "requirements": "jobtype_extra.requirements_path",
    "requirements_file": "jobtype_extra.requirements_path",
    "entrypoint": "jobtype_extra.entrypoint_path",
    "class": "jobtype_extra.entrypoint_class",
    "dockerfile": "jobtype_extra.dockerfile_path",
    "env": "runtime_env",
    "environment": "runtime_env",
    "memory": "resources.memory_max",
    "cpu": "resources.cpu_max",
    "gpu": "resources.gpu",
}
"""Keys that users expect, and where the setting is."""

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_NUMBER = r"(0|[1-9][0-9]*)"
_SEMVER = re.compile(
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}"
    r"(-(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*))*)?"
    r"(?P<build>\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?"
)
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

Errors = Iterator[tuple[str, str]]
"""Pairs of the path of a key, and a message that says what is wrong and what to do."""


def list_broken_rules(content: dict[str, Any]) -> list[tuple[str, str]]:
    """List every value that can't be deployed: its path, and a message that says what is wrong and what to do."""
    return [
        *_list_name_errors(content),
        *_list_owner_errors(content),
        *_list_job_type_errors(content),
        *_list_source_errors(content),
        *_list_environment_errors(content),
        *_list_endpoint_errors(content),
        *_list_scale_errors(content),
        *_list_resource_errors(content),
        *_list_duration_errors(content),
    ]


def list_unknown_extra_keys(content: dict[str, Any]) -> list[tuple[str, str]]:
    """List the keys in `jobtype_extra` that a bundled job type does not know, and what to write instead."""
    job_type = str(content.get("jobtype") or content.get("lang") or "").partition(":")[0]
    known = KEYS_OF_JOB_TYPES.get(job_type)
    section = next((key for key in EXTRA_KEYS if isinstance(content.get(key), dict)), None)
    if known is None or section is None:
        return []
    return [
        (f"{section}.{key}", f"{job_type} has no such key; {suggest_key(str(key), known)}")
        for key in content[section]
        if key not in known
    ]


def suggest_key(key: str, known: Sequence[str]) -> str:
    """Return advice about a key that is not among the known ones."""
    place = MOVED_KEYS.get(key, "")
    here = place.removeprefix("jobtype_extra.")
    close = [here] if here in known else [place] if place else difflib.get_close_matches(key, known)
    if close:
        return f"did you mean {close[0]}?"
    if key == "port":
        return "remove it: the platform chooses the port"
    if any(key in keys for keys in KEYS_OF_JOB_TYPES.values()):
        return f"it belongs below jobtype_extra: jobtype_extra.{key}"
    return "remove it"


def list_deprecations(content: dict[str, Any]) -> list[str]:
    """List a warning for each deprecated key."""
    return [
        f"{key} in the manifest is deprecated; write {replacement} instead"
        for key, replacement in DEPRECATED_KEYS.items()
        if content.get(key) is not None
    ]


def list_missing_keys(content: dict[str, Any]) -> list[str]:
    """List a note for each key that should not be left to its default."""
    if content.get("version") is not None:
        return []
    return [
        f"the manifest has no version, which means {_DEFAULT_VERSION}; name one, to deploy others beside it"
    ]


def _list_name_errors(content: dict[str, Any]) -> Errors:
    name, version = content.get("name"), content.get("version", _DEFAULT_VERSION)
    if isinstance(name, str) and not _NAME.fullmatch(name):
        yield "name", f"{name!r} may hold only a-z, 0-9 and inner dashes, such as my-model"
    if isinstance(version, str):
        yield from _list_version_errors(version)
    if isinstance(name, str) and isinstance(version, str):
        resource_name = job_resource_name(name, version)
        if len(resource_name) > MAX_RESOURCE_NAME_LENGTH:
            yield (
                "name",
                f"{resource_name!r}, the name of the job's container, is longer than "
                f"{MAX_RESOURCE_NAME_LENGTH} characters; shorten the name or the version's label",
            )


def _list_version_errors(version: str) -> Errors:
    match = _SEMVER.fullmatch(version)
    if match is None:
        yield "version", f"{version!r} must be a semantic version such as 1.2.3 or 1.2.3-beta"
    elif match["build"]:
        yield (
            "version",
            f"{version!r} has build metadata (+…), which names of containers can't hold; "
            "use a label (-…)",
        )
    elif version != version.lower() or version.endswith("-"):
        yield (
            "version",
            f"the label of {version!r} goes into the name of a container; "
            "use a-z, 0-9 and inner dashes",
        )


def _list_owner_errors(content: dict[str, Any]) -> Errors:
    owner = content.get("owner_email")
    if isinstance(owner, str) and not re.search(r".+@.+", owner):
        yield "owner_email", f"{owner!r} must be an e-mail address, such as me@example.com"


def _list_job_type_errors(content: dict[str, Any]) -> Errors:
    given = [key for key in ("jobtype", "lang") if content.get(key) is not None]
    if len(given) != 1:
        yield (
            "jobtype",
            "give exactly one of jobtype and its deprecated name lang, "
            "such as jobtype: python3:latest",
        )
    for key in given:
        value = content[key]
        if isinstance(value, str) and not re.fullmatch(r"[^:\s]+:[^:\s]+", value):
            yield key, f"{value!r} must be name:version, such as python3:latest"
    extras = [key for key in EXTRA_KEYS if content.get(key) is not None]
    for key in extras[1:]:
        yield key, f"{extras[0]} is there already; give only one of {', '.join(EXTRA_KEYS)}"
    if isinstance(content.get("image_type"), str) and content["image_type"] != "docker":
        yield "image_type", f"{content['image_type']!r} is not supported; leave it out"


def _list_source_errors(content: dict[str, Any]) -> Errors:
    git = {"remote": ""} if content.get("git") is None else content["git"]
    if not isinstance(git, dict):
        return
    remote, directory = git.get("remote"), git.get("directory")
    is_needed = bool(git.get("branch")) or content.get("build_context") == "git"
    if remote is None or (is_needed and not remote):
        yield "git.remote", "is missing: name the repository to clone"
    elif isinstance(remote, str) and remote and not re.match(r"https://[^/\s]+", remote):
        yield "git.remote", f"{remote!r} must be an https:// URL of a repository"
    if isinstance(directory, str) and (directory.startswith("/") or ".." in directory.split("/")):
        yield "git.directory", f"{directory!r} must be a path inside the repository"


def _list_environment_errors(content: dict[str, Any]) -> Errors:
    for key in ("build_env", "runtime_env"):
        variables = content.get(key)
        for name in variables if isinstance(variables, dict) else ():
            if isinstance(name, str) and not _ENV_NAME.fullmatch(name):
                yield (
                    f"{key}.{name}",
                    "the name of a variable holds only letters, digits and _, and no digit first",
                )


def _list_endpoint_errors(content: dict[str, Any]) -> Errors:
    endpoints = content.get("public_endpoints")
    for index, path in enumerate(endpoints if isinstance(endpoints, list) else ()):
        if isinstance(path, str) and not re.fullmatch(r"/[^\s?#]*", path):
            yield f"public_endpoints.{index}", f"{path!r} must be a path such as /api/v1/webview"


def _list_scale_errors(content: dict[str, Any]) -> Errors:
    replicas = content.get("replicas")
    if isinstance(replicas, bool):
        yield "replicas", "must be a whole number"
    elif isinstance(replicas, int) and not 1 <= replicas <= MAX_REPLICAS:
        yield "replicas", f"{replicas} must be between 1 and {MAX_REPLICAS}"


def _list_resource_errors(content: dict[str, Any]) -> Errors:
    resources = content.get("resources")
    if not isinstance(resources, dict):
        return
    for kind in ("memory", "cpu"):
        least, most = (_read_quantity(resources.get(f"{kind}_{end}")) for end in ("min", "max"))
        if least and most and most < least:
            yield f"resources.{kind}_max", f"{most} is less than {kind}_min, {least}"
    shared, memory = (_read_quantity(resources.get(key)) for key in ("shm_size", "memory_max"))
    if shared is not None and not shared:
        yield "resources.shm_size", "must be more than 0, such as 256Mi"
    elif shared and memory and memory < shared:
        yield "resources.shm_size", f"{shared} is more than memory_max, {memory}, which includes it"
    yield from _list_placement_errors(resources)


def _list_placement_errors(resources: dict[str, Any]) -> Errors:
    gpus, labels, taints = (resources.get(key) for key in ("gpu", "node_selector", "tolerations"))
    if isinstance(gpus, bool) or (isinstance(gpus, int) and not 1 <= gpus <= MAX_GPUS):
        yield "resources.gpu", f"must be a whole number between 1 and {MAX_GPUS}"
    for name, value in labels.items() if isinstance(labels, dict) else ():
        if isinstance(value, str) and not NODE_LABEL.fullmatch(f"{name}={value}"):
            yield f"resources.node_selector.{name}", "is no label of a node, such as pool: models"
    for index, taint in enumerate(taints if isinstance(taints, list) else ()):
        if isinstance(taint, str) and not TAINT.fullmatch(taint):
            yield (
                f"resources.tolerations.{index}",
                f"{taint!r} is no taint such as dedicated=gpu:NoSchedule or spot:NoExecute",
            )


def _list_duration_errors(content: dict[str, Any]) -> Errors:
    for key, (least, most) in _DURATIONS.items():
        seconds = content.get(key)
        if isinstance(seconds, bool):
            yield key, "must be a number of seconds"
        elif isinstance(seconds, int | float) and not least <= seconds <= most:
            yield key, f"{seconds:g} must be a number of seconds between {least} and {most}"


def _read_quantity(value: object) -> Quantity | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float | Quantity):
        return None
    try:
        return Quantity(str(value))
    except ValueError:
        return None  # The model reports its type error.
