"""Reading the metrics of a job, above all the time of its last call.

Plugins import this module: its names are frozen (docs/plugins.md).
"""

from collections.abc import Iterable

import httpx
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from racetrack_client.log.logs import get_logger

logger = get_logger(__name__)
LAST_CALL_METRIC = "last_call_timestamp"


def scrape_metrics(metrics_url: str, headers: dict[str, str] | None = None) -> Iterable[Metric]:
    """Fetch and return the metrics of a job, none when it answers 404.

    Raises httpx.HTTPError when the job does not answer, ValueError when the answer holds no metrics.
    """
    response = httpx.get(
        metrics_url,
        headers=headers,
        timeout=3,
        trust_env=False,
        follow_redirects=True,
        verify=metrics_url.startswith("https:"),  # Certificates take a while to load.
    )
    if response.status_code == 404:
        return []
    response.raise_for_status()
    return list(text_string_to_metric_families(response.text))


def read_last_call_timestamp_metric(metrics: Iterable[Metric]) -> float | None:
    """Return the UNIX seconds of the last call, None before the first."""
    for metric in metrics:
        for sample in metric.samples if metric.name == LAST_CALL_METRIC else ():
            return sample.value or None
    return None


def find_last_call(addresses: Iterable[str]) -> int | None:
    """Return the UNIX seconds of the last call of any replica; replicas that do not answer are left out."""
    moments = []
    for address in addresses:
        try:
            metrics = scrape_metrics(f"http://{address}/metrics")
            moments.append(read_last_call_timestamp_metric(metrics))
        except (httpx.HTTPError, ValueError) as error:
            logger.debug(f"metrics of {address} can't be read: {error}")
    return max((int(moment) for moment in moments if moment), default=None)
