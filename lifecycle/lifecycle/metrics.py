"""Metrics of Lifecycle and its supervisor."""

import threading
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from racetrack_commons.api.metrics import DURATION_BUCKETS, SocketCollector


@dataclass(frozen=True)
class LifecycleMetrics:
    """The metrics of one process; dashboards read them by their names, which never change."""

    requested_job_deployments: Counter
    done_job_deployments: Counter
    deployed_job: Counter
    jobs_count_by_status: Gauge
    job_fetch_duration: Histogram
    database_connected: Gauge
    event_stream_client_connected: Gauge
    event_stream_client_disconnected: Gauge

    @classmethod
    def create(cls, registry: CollectorRegistry) -> "LifecycleMetrics":
        """Declare the metrics in a registry, and return them."""
        threads = Gauge("lifecycle_active_threads_count", "Running threads", registry=registry)
        threads.set_function(threading.active_count)
        registry.register(SocketCollector("lifecycle"))
        return cls(
            requested_job_deployments=Counter(
                "requested_job_deployments", "Deployments that were accepted", registry=registry
            ),
            done_job_deployments=Counter(
                "done_job_deployments", "Deployments that ended, well or not", registry=registry
            ),
            deployed_job=Counter(
                "deployed_job", "Jobs that were provisioned well", registry=registry
            ),
            jobs_count_by_status=Gauge(
                "jobs_count_by_status", "Jobs in each status", ["status"], registry=registry
            ),
            job_fetch_duration=Histogram(
                "lifecycle_job_model_fetch_duration",
                "Seconds to resolve a job",
                buckets=DURATION_BUCKETS,
                registry=registry,
            ),
            database_connected=Gauge(
                "lifecycle_database_connected",
                "1 when the database answered last time",
                registry=registry,
            ),
            event_stream_client_connected=Gauge(
                "lifecycle_event_stream_client_connected",
                "How often readers of job events came",
                registry=registry,
            ),
            event_stream_client_disconnected=Gauge(
                "lifecycle_event_stream_client_disconnected",
                "How often readers of job events left",
                registry=registry,
            ),
        )
