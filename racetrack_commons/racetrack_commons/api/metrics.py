"""Metrics of every service: requests, the Python process, TCP sockets; and the route that shows them."""

import collections
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    Metric,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from racetrack_commons.api.openapi import PROBES_TAG

DURATION_BUCKETS: Sequence[float] = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75),
    *(1, 2.5, 5, 7.5, 10, 25, 50, 75, 100, 250, 500, 750, 1000),
)
"""Upper bounds in seconds; dashboards rely on these buckets."""
_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_ESTABLISHED = "ESTABLISHED"
_STATUSES = {
    "01": _ESTABLISHED,
    "02": "SYN_SENT",
    "03": "SYN_RECV",
    "04": "FIN_WAIT1",
    "05": "FIN_WAIT2",
    "06": "TIME_WAIT",
    "07": "CLOSE",
    "08": "CLOSE_WAIT",
    "09": "LAST_ACK",
    "0A": "LISTEN",
    "0B": "CLOSING",
}
_FIRST_EPHEMERAL_PORT = 10_000


def create_registry() -> CollectorRegistry:
    """Return a new registry with the metrics of any Python process."""
    registry = CollectorRegistry()
    GCCollector(registry)
    PlatformCollector(registry)
    ProcessCollector(registry=registry)
    return registry


@dataclass(frozen=True)
class CommonsMetrics:
    """The metrics of requests that every service has."""

    internal_server_errors: Counter
    requests_started: Counter
    requests_done: Counter
    request_duration: Histogram

    @classmethod
    def create(cls, registry: CollectorRegistry) -> "CommonsMetrics":
        """Declare the metrics, whose names are part of the contract."""
        return cls(
            internal_server_errors=Counter(
                "commons_internal_server_errors",
                "Requests that ended as faults",
                registry=registry,
            ),
            requests_started=Counter(
                "commons_requests_started", "Requests that arrived", registry=registry
            ),
            requests_done=Counter(
                "commons_requests_done", "Requests that ended", registry=registry
            ),
            request_duration=Histogram(
                "commons_request_duration",
                "Seconds from a request's arrival to the end of its answer",
                buckets=DURATION_BUCKETS,
                registry=registry,
            ),
        )


def metrics_router(registry: CollectorRegistry) -> APIRouter:
    """Return the route of the metrics in Prometheus format; both spellings of the path answer without a redirect."""
    router = APIRouter(tags=[PROBES_TAG])
    scrapes = Counter("metrics_scrapes", "How often metrics were read", registry=registry)

    def read_metrics() -> Response:
        """Show metrics for Prometheus."""
        scrapes.inc()
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    add = partial(
        router.add_api_route,
        endpoint=read_metrics,
        methods=["GET"],
        response_class=PlainTextResponse,
    )
    add("/metrics")
    add("/metrics/", include_in_schema=False)
    return router


@dataclass(frozen=True)
class SocketCollector(Collector):
    """Counts the TCP sockets of the machine, or of the container, each time metrics are read."""

    prefix: str
    """The prefix of the metrics' names, such as `lifecycle`."""

    def describe(self) -> Iterable[Metric]:
        """Return no metrics, so that registration does not read the sockets."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield the current counts; without `/proc/net` they are empty."""
        sockets = list(_read_sockets())
        by_status = GaugeMetricFamily(
            f"{self.prefix}_tcp_connections_count", "TCP sockets by status", labels=["status"]
        )
        for status, count in collections.Counter(status for status, _ in sockets).items():
            by_status.add_metric([status], count)
        established = GaugeMetricFamily(
            f"{self.prefix}_established_connections_count",
            "Established connections to services, by remote port",
            labels=["port"],
        )
        ports = collections.Counter(port for status, port in sockets if status == _ESTABLISHED)
        for port, count in ports.items():
            if port < _FIRST_EPHEMERAL_PORT:
                established.add_metric([str(port)], count)
        yield from (by_status, established)


def _read_sockets() -> Iterator[tuple[str, int]]:
    """Yield the status and the remote port of each socket."""
    for table in _TABLES:
        if not table.exists():
            continue
        for line in table.read_text().splitlines()[1:]:
            _, _, remote, status, *_ = line.split()
            yield _STATUSES.get(status, "UNKNOWN"), int(remote.rpartition(":")[2], 16)
