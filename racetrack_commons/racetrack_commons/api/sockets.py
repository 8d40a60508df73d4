"""Metrics of TCP sockets, as Linux lists them."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

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


@dataclass(frozen=True)
class SocketCollector(Collector):
    """Counts the sockets of the machine, or of the container, when metrics are read."""

    prefix: str
    """Of the names: `lifecycle`."""

    def describe(self) -> Iterable[Metric]:
        """Name nothing before metrics are read."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Count now; where there is no such list, there are no metrics."""
        sockets = list(_read_sockets())
        by_status = GaugeMetricFamily(
            f"{self.prefix}_tcp_connections_count", "TCP sockets by status", labels=["status"]
        )
        for status, count in Counter(status for status, _ in sockets).items():
            by_status.add_metric([status], count)
        established = GaugeMetricFamily(
            f"{self.prefix}_established_connections_count",
            "Established connections to services, by remote port",
            labels=["port"],
        )
        ports = Counter(port for status, port in sockets if status == _ESTABLISHED)
        for port, count in ports.items():
            if port < _FIRST_EPHEMERAL_PORT:
                established.add_metric([str(port)], count)
        yield from (by_status, established)


def _read_sockets() -> Iterator[tuple[str, int]]:
    """Yield status and remote port of each."""
    for table in _TABLES:
        if not table.exists():
            continue
        for line in table.read_text().splitlines()[1:]:
            _, _, remote, status, *_ = line.split()
            yield _STATUSES.get(status, "UNKNOWN"), int(remote.rpartition(":")[2], 16)
