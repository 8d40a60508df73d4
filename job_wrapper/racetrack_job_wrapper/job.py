"""Loading a job: from an object of its class to a job whose endpoints, examples and files are checked once at the start."""

import inspect
import json
import mimetypes
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from racetrack_job_wrapper.asgi import AsgiApp
from racetrack_job_wrapper.call_runner import CallLimits, CallRunner, JobThreads
from racetrack_job_wrapper.encoding import to_json
from racetrack_job_wrapper.endpoint_config import EndpointConfig
from racetrack_job_wrapper.entrypoint import JobEntrypoint
from racetrack_job_wrapper.environment import JobEnvironment
from racetrack_job_wrapper.load_failure import describe_load_failure
from racetrack_job_wrapper.log.logger import logger
from racetrack_job_wrapper.metrics import JobMetrics
from racetrack_job_wrapper.native import NativeEndpoints, method_of, mount_native_endpoints
from racetrack_job_wrapper.request import request_context, request_extra
from racetrack_job_wrapper.thread_advice import describe_bound, list_bound_connections
from racetrack_job_wrapper.webview import mount_webview

PERFORM = "/perform"
MAX_EXAMPLE_BYTES = 1024 * 1024


class InvalidExample(ValueError):
    """A documented example is not a dict that can be sent as JSON."""


@dataclass(frozen=True)
class StaticFile:
    """A file that the job serves unchanged."""

    path: Path
    content_type: str

    @classmethod
    def at(cls, path: Path, content_type: str | None = None) -> "StaticFile":
        """Return the file at a path; its type is guessed from its name unless it is given."""
        guessed = mimetypes.guess_type(path.name)[0] or "text/plain"
        charset = "; charset=utf-8" if guessed.startswith("text/") else ""
        return cls(path, content_type or guessed + charset)


@dataclass(frozen=True)
class Job:
    """A loaded job, ready for calls."""

    endpoints: dict[str, Callable[..., Any]]
    examples: dict[str, dict[str, Any]]
    static_files: dict[str, StaticFile]
    runner: CallRunner
    home_page: str
    metrics: JobMetrics
    webview: AsgiApp | None = None
    native: NativeEndpoints | None = None
    description: str = ""
    """The docstring of the job's class or module, for the documentation."""


@dataclass
class JobState:
    """The progress of loading: neither a job nor an error while the job is being loaded."""

    environment: JobEnvironment
    job: Job | None = None
    error: str | None = None
    """The reason why the job could not be loaded."""
    threads: JobThreads = field(default_factory=JobThreads)


def load_job(state: JobState, load: Callable[[], Any]) -> None:
    """Load the job into the state; on failure, store the error there, so that the server can tell it."""
    try:
        if state.environment.manifest_error:
            raise ValueError(state.environment.manifest_error)
        state.job = make_job(load(), state.environment, state.threads)
    except BaseException as error:  # noqa: BLE001 - the server tells whatever it was
        state.error = describe_load_failure(error, state.environment)
        logger.log_failure("the job could not be loaded", error, state.error)
    else:
        environment = state.environment
        logger.info("job %s %s is ready to perform", environment.name, environment.version)


def make_job(instance: Any, environment: JobEnvironment, threads: JobThreads) -> Job:
    """Collect everything that the object offers; raise an error when an example, file, limit or metric is wrong."""
    _give_context(instance)
    _ = environment.max_message_bytes, environment.max_body_bytes
    endpoints = _read_endpoints(instance)
    metrics = JobMetrics()
    runner = CallRunner(CallLimits.of(environment.extra), metrics, threads)
    if runner.limits.concurrency != 1 and (bound := list_bound_connections(instance)):
        logger.warning(describe_bound(bound))
    native = mount_native_endpoints(_read_native_endpoints(instance, endpoints), runner)
    if hasattr(instance, "metrics"):
        metrics.add_source(instance.metrics)
    return Job(
        endpoints=endpoints,
        examples=_read_examples(instance, endpoints),
        static_files=_read_static_files(instance),
        runner=runner,
        home_page=str(environment.extra.get("home_page") or "/docs"),
        metrics=metrics,
        webview=mount_webview(instance, environment.base_url, threads.loop),
        native=native,
        description=_read_description(type(instance)),
    )


def _read_description(kind: type) -> str:
    own = kind.__doc__ or ""
    # Python writes the docstring of a dataclass that has none: its signature.
    if own and not own.startswith(f"{kind.__name__}("):
        return inspect.cleandoc(own)
    module = sys.modules.get(kind.__module__)
    return inspect.cleandoc(module.__doc__ or "") if module else ""


def _give_context(instance: Any) -> None:
    try:
        instance.request_context = request_context
        instance.request_extra = request_extra
    except AttributeError:
        logger.warning("the job's class has __slots__; it gets no request_context")


def _read_endpoints(instance: Any) -> dict[str, Callable[..., Any]]:
    endpoints = {PERFORM: getattr(instance, "perform", _missing_perform)}
    if hasattr(instance, "auxiliary_endpoints"):
        given = instance.auxiliary_endpoints()
        endpoints |= {_absolute(path): handler for path, handler in given.items()}
    return endpoints


def _read_native_endpoints(
    instance: Any, endpoints: dict[str, Callable[..., Any]]
) -> list[EndpointConfig]:
    if not hasattr(instance, "auxiliary_endpoints_v2"):
        return []
    configs = list(instance.auxiliary_endpoints_v2())
    for config in configs:
        if method_of(config) == "POST" and _absolute(config.path) in endpoints:
            raise ValueError(
                f"POST {config.path} is declared twice; auxiliary_endpoints_v2 repeats it"
            )
    return configs


def _missing_perform(**_: Any) -> Any:
    raise ValueError("entrypoint doesn't have 'perform' method implemented")


def _read_examples(
    instance: Any, endpoints: dict[str, Callable[..., Any]]
) -> dict[str, dict[str, Any]]:
    examples: dict[str, Any] = {}
    if _is_documented(instance):
        examples[PERFORM] = instance.docs_input_example()
    if hasattr(instance, "docs_input_examples"):
        given = instance.docs_input_examples()
        if not isinstance(given, dict):
            raise InvalidExample(
                "invalid docs input example: docs_input_examples must return a dict of endpoint to payload"
            )
        examples |= {_absolute(path): example for path, example in given.items()}
    plain = {path: _make_plain(path, example) for path, example in examples.items()}
    return {path: example for path, example in plain.items() if path in endpoints}


def _is_documented(instance: Any) -> bool:
    # The empty example of the base class is no documentation, and the platform would call the job with it.
    method = getattr(type(instance), "docs_input_example", None)
    return (
        hasattr(instance, "docs_input_example") and method is not JobEntrypoint.docs_input_example
    )


def _make_plain(path: str, example: Any) -> dict[str, Any]:
    """Return an example as a caller sends it, so that documentation and trial calls have the same."""
    if not isinstance(example, dict):
        raise InvalidExample(
            f"invalid docs input example: {path}: it must be a dict, not {type(example).__name__}"
        )
    try:
        text = to_json(example, "example")
    except (TypeError, ValueError) as error:
        raise InvalidExample(f"invalid docs input example: {path}: {error}") from error
    if len(text) > MAX_EXAMPLE_BYTES:
        raise InvalidExample(
            f"invalid docs input example: {path}: it is {len(text)} bytes of JSON, more than {MAX_EXAMPLE_BYTES}"
        )
    plain: dict[str, Any] = json.loads(text)
    return plain


def _read_static_files(instance: Any) -> dict[str, StaticFile]:
    if not hasattr(instance, "static_endpoints"):
        return {}
    files: dict[str, StaticFile] = {}
    for endpoint, target in instance.static_endpoints().items():
        name, content_type = target if isinstance(target, tuple) else (target, None)
        path = Path(name)
        if path.is_dir():
            for file in sorted(each for each in path.rglob("*") if each.is_file()):
                inner = f"{_absolute(endpoint).rstrip('/')}/{file.relative_to(path).as_posix()}"
                files[inner] = StaticFile.at(file)
        elif path.is_file():
            files[_absolute(endpoint)] = StaticFile.at(path, content_type)
        else:
            raise FileNotFoundError(f"static file doesn't exist: {path}")
    return files


def _absolute(path: str) -> str:
    return path if path.startswith("/") else f"/{path}"
