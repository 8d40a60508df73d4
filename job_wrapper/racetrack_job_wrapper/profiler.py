"""The memory profiler: with `MEMRAY_PROFILER`, memray records the allocations of a job."""

import asyncio
import importlib
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from racetrack_job_wrapper.endpoint_config import API
from racetrack_job_wrapper.log.logger import logger
from racetrack_job_wrapper.responses import Response, error_response, json_response

ROOT = f"{API}/profiler/memray"
NAME = "memray-report.bin"
Answer = Callable[[], Awaitable[Response]]


class ProfilerUnusable(ValueError):
    """memray is not installed, or nothing was recorded yet; the message says what to do."""


class MemoryProfiler:
    """Records all allocations into a file, and makes reports of it, also while recording."""

    def __init__(self, directory: Path, *, leaks: bool = False) -> None:
        self._report = directory / NAME
        self._leaks = leaks
        self._tracker: Any = None

    def start(self) -> None:
        """Start a new record unless one is being made; raise ProfilerUnusable without memray."""
        if self._tracker is not None:
            return
        try:
            memray = importlib.import_module("memray")
        except ModuleNotFoundError as error:
            raise ProfilerUnusable(
                "the memory profiler needs memray: set `memray_profiler: true` in jobtype_extra, "
                "or add `memray>=1.17` to the job's requirements"
            ) from error
        tracker = memray.Tracker(destination=memray.FileDestination(self._report, overwrite=True))
        tracker.__enter__()
        self._tracker = tracker
        logger.info("recording allocations to %s", self._report)

    def stop(self) -> None:
        """End the record, if one is being made."""
        tracker, self._tracker = self._tracker, None
        if tracker is not None:
            tracker.__exit__(None, None, None)

    def read_report(self) -> Response:
        """Return the file of the record, for memray's own commands."""
        headers = {"content-disposition": f'attachment; filename="{NAME}"'}
        return Response(
            self._require_report().read_bytes(), 200, "application/octet-stream", headers
        )

    def make_flamegraph(self) -> Response:
        """Return a page with the allocations by call stack; with `leaks`, only those that were never freed."""
        page = self._report.with_suffix(".html")
        leaks = ["--leaks"] if self._leaks else []
        self._run_memray("flamegraph", "--no-web", "--force", *leaks, "--output", str(page))
        return Response(page.read_bytes(), content_type="text/html; charset=utf-8")

    def make_statistics(self) -> Response:
        """Return memray's statistics of the largest allocations, as text."""
        return Response(self._run_memray("stats"), content_type="text/plain; charset=utf-8")

    def list_routes(self) -> Mapping[tuple[str, str], Answer]:
        """Return the handlers of the profiler by method and path."""
        return {
            ("POST", f"{ROOT}/start"): _in_thread(self.start),
            ("POST", f"{ROOT}/stop"): _in_thread(self.stop),
            ("GET", f"{ROOT}/report"): _in_thread(self.read_report),
            ("GET", f"{ROOT}/flamegraph"): _in_thread(self.make_flamegraph),
            ("GET", f"{ROOT}/stats"): _in_thread(self.make_statistics),
        }

    def _require_report(self) -> Path:
        if not self._report.is_file():
            raise ProfilerUnusable(f"nothing is recorded yet: POST {ROOT}/start first")
        return self._report

    def _run_memray(self, command: str, *options: str) -> bytes:
        # Making a report can take more memory than the job, so it runs in another process.
        arguments = [sys.executable, "-m", "memray", command, *options, str(self._require_report())]
        done = subprocess.run(arguments, capture_output=True, check=False)
        if done.returncode:
            raise ProfilerUnusable(f"memray {command} failed: {done.stderr.decode()}")
        return done.stdout


def _in_thread(function: Callable[[], Response | None]) -> Answer:
    async def answer() -> Response:
        try:
            return await asyncio.to_thread(function) or json_response(None)
        except ProfilerUnusable as error:
            return error_response(error)

    return answer
