import socket

from prometheus_client import CollectorRegistry
from racetrack_commons.api.metrics import SocketCollector


def count(registry, status):
    return registry.get_sample_value("test_tcp_connections_count", {"status": status}) or 0


def test_sockets_are_counted_when_metrics_are_read():
    registry = CollectorRegistry()
    registry.register(SocketCollector("test"))

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            assert count(registry, "LISTEN") >= 1
            assert count(registry, "ESTABLISHED") >= 1


def test_connections_to_services_are_counted_by_their_port():
    registry = CollectorRegistry()
    registry.register(SocketCollector("test"))
    port = next(port for port in range(9000, 9999) if is_free(port))
    with (
        socket.create_server(("127.0.0.1", port)),
        socket.create_connection(("127.0.0.1", port)),
    ):
        labels = {"port": str(port)}
        assert registry.get_sample_value("test_established_connections_count", labels) == 1


def is_free(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
