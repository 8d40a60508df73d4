"""`python -m racetrack_commons.wait URL…`: wait until each URL answers 200."""

import argparse
import sys
from collections.abc import Callable, Sequence

import httpx

from racetrack_commons.clock import Clock

_PAUSE_SECONDS = 0.05


def main() -> None:
    """Wait and print each URL that answers; exit with code 1 and the URLs that did not answer in time."""
    parser = argparse.ArgumentParser(prog="racetrack_commons.wait", description=__doc__)
    parser.add_argument("urls", nargs="+", metavar="URL")
    parser.add_argument("--timeout", type=float, default=30, help="seconds, 30 by default")
    options = parser.parse_args()
    silent = wait_for(options.urls, options.timeout, Clock(), _say)
    if silent:
        sys.exit(f"no answer within {options.timeout:g} s from: {', '.join(silent)}")


def wait_for(
    urls: Sequence[str], timeout_seconds: float, clock: Clock, say: Callable[[str], None]
) -> list[str]:
    """Poll until each URL answers 200; return the URLs that did not answer in time."""
    started = clock.monotonic()
    waiting = list(urls)
    with httpx.Client(timeout=2, trust_env=False) as client:
        while True:
            for url in [each for each in waiting if _answers(client, each)]:
                waiting.remove(url)
                say(f"{url} answers after {clock.monotonic() - started:.1f} s")
            if not waiting or clock.monotonic() - started > timeout_seconds:
                return waiting
            clock.sleep(_PAUSE_SECONDS)


def _answers(client: httpx.Client, url: str) -> bool:
    try:
        return client.get(url).status_code == 200
    except httpx.HTTPError:
        return False


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
