"""The start of a service's process: it is closed to others, reads its settings, and begins its log."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from racetrack_client.log.errors import ServiceUnavailable
from racetrack_client.log.logs import configure_logs, get_logger

from racetrack_commons.closed_process import close_process
from racetrack_commons.settings import Settings, SettingsError

logger = get_logger(__name__)
_Config = TypeVar("_Config", bound=Settings)


def start_server(service: str, config_class: type[_Config]) -> _Config:
    """Start a process that listens; return its settings, and warn if they let other machines in with published secrets."""
    config = start_process(service, config_class)
    if warning := config.find_exposure():
        logger.warning(warning)
    return config


def start_process(service: str, config_class: type[_Config]) -> _Config:
    """Start a process of a service, first thing of all; return its settings."""
    close_process()
    with exit_on_failure(f"{service} can't start"):
        config = config_class.load()
    configure_logs(config.log_level, structured=config.log_structured)
    return config


@contextmanager
def exit_on_failure(summary: str) -> Iterator[None]:
    """End the process with one line, the summary and the reason, if settings are wrong or what it needs does not answer."""
    try:
        yield
    except (SettingsError, ServiceUnavailable) as error:
        sys.exit(f"{summary}: {error}")
