"""The command line of the wrapper: serve a job, try it without serving, or render its Dockerfile template."""

import sys

if __name__ == "__main__" and not getattr(sys.flags, "safe_path", False):
    # A file of the job must not take the place of a module of the server: `python -m` looks here first, without `-P`.
    del sys.path[0]

import argparse
import asyncio
import json
import os
import socket
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

from racetrack_job_wrapper.call_runner import JobThreads
from racetrack_job_wrapper.environment import JobEnvironment, read_environment
from racetrack_job_wrapper.job import PERFORM, Job, JobState, load_job
from racetrack_job_wrapper.loading import EntrypointError, load_entrypoint, locate_job_directory
from racetrack_job_wrapper.log.logs import configure_logs
from racetrack_job_wrapper.profiler import MemoryProfiler
from racetrack_job_wrapper.responses import Response
from racetrack_job_wrapper.server import ServerOptions, serve_job
from racetrack_job_wrapper.template import TemplateError, render_template
from racetrack_job_wrapper.workers import WorkerPool

TRUE = ("true", "t", "yes", "y", "1")


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the arguments and run the command; return the exit code."""
    parser = _make_parser()
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help(sys.stderr)
        return 0
    return _render(options) if options.command == "template" else _run_job(options)


def _render(options: argparse.Namespace) -> int:
    try:
        render_template(options.template_file, options.out_file, Path())
    except TemplateError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _run_job(options: argparse.Namespace) -> int:
    configure_logs(
        structured=_flag(os.environ, "LOG_STRUCTURED"),
        with_caller=_flag(os.environ, "LOG_CALLER_NAME"),
    )
    _enter_job_directory(options)
    environment = read_environment(os.environ, options.manifest_path)

    def load() -> Any:
        return _load(options, environment)

    if options.check or options.call is not None:
        return try_job(environment, load, options.call)
    grace_seconds = int(os.environ.get("JOB_GRACE_SECONDS", "30"))
    profiler = _make_profiler(os.environ)
    listener = None if options.fd < 0 else socket.socket(fileno=options.fd)
    server = ServerOptions(options.host, options.port, grace_seconds, profiler, listener)
    serve_job(environment, load, server)
    return 0


def try_job(
    environment: JobEnvironment, load: Callable[[], Any], payload: dict[str, Any] | None
) -> int:
    """Load the job without serving it, and call it once if there is a payload; return the exit code."""
    threads = JobThreads(WorkerPool(joined=True))
    with closing(threads):
        return _try_in(JobState(environment, threads=threads), load, payload)


def _try_in(state: JobState, load: Callable[[], Any], payload: dict[str, Any] | None) -> int:
    with state.threads.loop.adopted():
        load_job(state, load)
    job = state.job
    if job is None:
        sys.stderr.write(f"the job can't be loaded: {state.error}\n")
        return 1
    if payload is None:
        endpoints = ", ".join(job.endpoints)
        sys.stdout.write(f"the job loads; endpoints: {endpoints}; examples: {len(job.examples)}\n")
        return 0
    response = _call_once(state, job, payload)
    sys.stdout.write(f"{response.body.decode()}\n")
    return 0 if response.status == 200 else 1


def _enter_job_directory(options: argparse.Namespace) -> None:
    """Work where the deployed job does: its files, imports and settings are then the same."""
    directory = locate_job_directory(options.entrypoint_path)
    for name in ("entrypoint_path", "manifest_path"):
        if given := getattr(options, name):
            setattr(options, name, os.path.relpath(given, directory))
    os.chdir(directory)


def _call_once(state: JobState, job: Job, payload: dict[str, Any]) -> Response:
    """Call the job as a server would: from another thread, while this one works."""
    with ThreadPoolExecutor(1) as caller:
        call = job.runner.run_call(PERFORM, job.endpoints[PERFORM], payload)
        answer = caller.submit(asyncio.run, call)
        answer.add_done_callback(lambda _: state.threads.workers.stop())
        state.threads.workers.work_here()
        return answer.result()


def _load(options: argparse.Namespace, environment: JobEnvironment) -> Any:
    path = options.entrypoint_path or environment.extra.get("entrypoint_path")
    name = options.entrypoint_classname or environment.extra.get("entrypoint_class")
    if not path:
        raise EntrypointError(
            "no entrypoint: name the Python file, or set jobtype_extra.entrypoint_path in job.yaml"
        )
    return load_entrypoint(path, name)


def _make_profiler(variables: Mapping[str, str]) -> MemoryProfiler | None:
    if not _flag(variables, "MEMRAY_PROFILER"):
        return None
    return MemoryProfiler(Path(tempfile.gettempdir()), leaks=_flag(variables, "MEMRAY_LEAKS"))


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="job_wrapper",
        description="Serves a class with perform() over HTTP, as Racetrack runs it.",
    )
    commands = parser.add_subparsers(dest="command")
    run = commands.add_parser(
        "run",
        help="serve a job",
        description="Serve a job; then POST its arguments as JSON to /api/v1/perform.",
        epilog="Example: job_wrapper run adder.py --call '{\"numbers\": [40, 2]}'",
    )
    add = run.add_argument
    add("entrypoint_path", nargs="?", help="Python file with the class (default: from job.yaml)")
    add("entrypoint_classname", nargs="?", help="its class (default: the one with perform())")
    add("--manifest-path", help="the job's manifest (default: job.yaml here, if there is one)")
    add("--host", default="0.0.0.0", help="address to listen on (default: %(default)s)")  # noqa: S104
    add("--port", type=int, default=7000, help="port to listen on (default: %(default)s)")
    add("--fd", type=int, default=-1, help="inherited socket that listens already (default: none)")
    add("--check", action="store_true", help="load the job, check its examples, and exit")
    add("--call", type=_payload, metavar="JSON", help="call perform once, print its answer, exit")
    template = commands.add_parser(
        "template",
        help="render a Dockerfile template",
        description="Render a template with the manifest job.yaml of this directory, as builds of images do.",
    )
    template.add_argument("template_file", type=Path, help="the template, in Jinja")
    template.add_argument("out_file", type=Path, help="where the result goes")
    return parser


def _payload(text: str) -> dict[str, Any]:
    try:
        payload = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not JSON: {error}") from error
    if not isinstance(payload, dict):
        raise argparse.ArgumentTypeError("it must be a JSON object of arguments by name")
    return payload


def _flag(variables: Mapping[str, str], name: str) -> bool:
    return variables.get(name, "").lower() in TRUE


if __name__ == "__main__":
    sys.exit(main())
