"""The presentation of jobs and logs in answers."""

import re

from pydantic import BaseModel
from racetrack_commons.entities.dto import JobDto

from lifecycle.config import Config

_ANSI_COLOUR = re.compile(r"\x1b\[\d+(;\d+)?m")


class LogsPayload(BaseModel):
    """Lines of a log."""

    logs: str


def with_pub_url(job: JobDto, config: Config) -> JobDto:
    """Return the job with the address at which it can be called."""
    return job.model_copy(
        update={"pub_url": f"{make_pub_url(config)}/job/{job.name}/{job.version}"}
    )


def make_pub_url(config: Config) -> str:
    """Return the address at which callers reach PUB."""
    if config.cluster_fqdn:
        return f"https://{config.racetrack_subdomain}.{config.cluster_fqdn}/pub"
    return config.external_pub_url.rstrip("/")


def strip_colours(text: str) -> str:
    """Remove the colour codes of terminals from a log."""
    return _ANSI_COLOUR.sub("", text)


def keep_tail(text: str, lines: int) -> str:
    """Return the last `lines` lines of a text, or all of them for 0."""
    if lines <= 0:
        return text
    end = "\n" if text.endswith("\n") else ""
    return "\n".join(text.removesuffix("\n").split("\n")[-lines:]) + end
