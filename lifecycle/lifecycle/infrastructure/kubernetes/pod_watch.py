"""A copy of the pods of jobs, which a watch keeps up to date."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from racetrack_client.log.logs import get_logger

from lifecycle.infrastructure.kubernetes.cluster import (
    GONE,
    POD,
    Cluster,
    ClusterRefusal,
    ClusterUnavailable,
    OpenAnswer,
)
from lifecycle.infrastructure.kubernetes.pods import JobPod

logger = get_logger(__name__)
WATCH_SECONDS = 60
"""Seconds after which the watch is renewed; a connection that broke without a word is noticed soon after."""
_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 5.0
_FIRST_LISTING_SECONDS = 60
_STOP_SECONDS = 2


class PodWatch:
    """The pods that have some labels; its thread lists them once, and then hears of each change.

    While the API server is away, the copy may be old, so reading it raises; it goes on by itself afterwards.
    """

    def __init__(self, cluster: Cluster, labels: Mapping[str, str]) -> None:
        self._cluster = cluster
        self._labels = labels
        self._on_change: Callable[[], None] = _ignore
        self._lock = threading.Lock()
        self._pods: dict[str, JobPod] = {}
        self._version = ""
        """The moment up to which changes are known; empty when the pods have to be listed."""
        self._trouble: ClusterUnavailable | None = None
        self._is_read = threading.Event()
        self._closing = threading.Event()
        self._answer: OpenAnswer | None = None
        self._thread: threading.Thread | None = None

    @property
    def is_started(self) -> bool:
        """Return whether there is a copy; without one, reading asks the cluster."""
        return self._thread is not None

    def start(self, on_change: Callable[[], None]) -> None:
        """Start the thread, which calls `on_change` after each change of a pod that matters to jobs."""
        self._on_change = on_change
        self._closing.clear()
        self._thread = threading.Thread(target=self._watch_until_closed, name="watch-pods")
        self._thread.daemon = True
        self._thread.start()

    def stop(self) -> None:
        """End the thread and forget the pods."""
        self._closing.set()
        with self._lock:
            if self._answer is not None:
                self._answer.interrupt()
        if self._thread is not None:
            self._thread.join(_STOP_SECONDS)
            self._thread = None
        self._is_read.clear()

    def list_pods(self) -> list[JobPod]:
        """List the pods; raise ClusterUnavailable while it is not known which there are."""
        if not self.is_started:
            found = self._cluster.read_listing(POD, self._labels, JobPod.parse).objects
            return [pod for pod in found if pod]
        if not self._is_read.wait(_FIRST_LISTING_SECONDS):
            raise ClusterUnavailable("the cluster's pods could not be listed in time")
        with self._lock:
            if self._trouble is not None:
                raise ClusterUnavailable(str(self._trouble)) from self._trouble
            return list(self._pods.values())

    def _watch_until_closed(self) -> None:
        self._version, pause = "", _FIRST_PAUSE_SECONDS
        while not self._closing.is_set():
            try:
                if not self._version:
                    self._list()
                self._follow()
                pause = _FIRST_PAUSE_SECONDS
            except ClusterRefusal as refusal:
                if refusal.status_code == GONE:
                    self._version = ""  # Too much has changed since: all pods are listed again.
                else:
                    self._note(ClusterUnavailable(f"the cluster shows no pods: {refusal}"))
            except ClusterUnavailable as error:
                self._note(error)
            except Exception as error:
                logger.error(f"watching pods failed: {error}", exc_info=error)
                self._note(ClusterUnavailable(f"watching pods failed: {error}"))
                self._version = ""
            self._closing.wait(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    def _list(self) -> None:
        listing = self._cluster.read_listing(POD, self._labels, JobPod.parse)
        pods = {pod.name: pod for pod in listing.objects if pod}
        with self._lock:
            has_changed = pods != self._pods
            self._pods = pods
        self._version = listing.version
        self._note(None)
        if has_changed:
            self._on_change()

    def _follow(self) -> None:
        """Take changes in until the watch ends."""
        answer = self._cluster.open_watch(POD, self._labels, self._version, WATCH_SECONDS)
        with self._lock:
            self._answer = answer
        try:
            if self._closing.is_set():
                return
            self._note(None)
            for event in _read_events(answer):
                self._take_in(event)
        finally:
            with self._lock:
                self._answer = None
            answer.close()

    def _take_in(self, event: dict[str, Any]) -> None:
        kind, found = event["type"], event["object"]
        if kind == "ERROR":
            raise ClusterRefusal(found.get("code", 0), found.get("message", "the watch failed"))
        if kind != "BOOKMARK":
            pod = None if kind == "DELETED" else JobPod.parse(found)
            self._replace(found["metadata"]["name"], pod)
        self._version = found["metadata"]["resourceVersion"]

    def _replace(self, name: str, pod: JobPod | None) -> None:
        with self._lock:
            former = self._pods.pop(name, None)
            if pod is not None:
                self._pods[name] = pod
        if pod != former:
            self._on_change()

    def _note(self, trouble: ClusterUnavailable | None) -> None:
        if self._closing.is_set():
            return
        with self._lock:
            former, self._trouble = self._trouble, trouble
        self._is_read.set()
        if former is None and trouble is not None:
            logger.warning(f"the pods of jobs are not watched: {trouble}")
        if former is not None and trouble is None:
            logger.info("the pods of jobs are watched again")
            self._on_change()


def _read_events(answer: OpenAnswer) -> Iterator[dict[str, Any]]:
    rest: list[bytes] = []
    for piece in answer.read_pieces():
        *ends, begun = piece.split(b"\n")
        for end in ends:
            line = b"".join([*rest, end])
            rest.clear()
            if line.strip():
                yield json.loads(line)
        rest.append(begun)


def _ignore() -> None:
    pass
