"""`python -m racetrack_commons.wait URL…`: wait until each URL answers 200."""

import argparse
import sys
import time

import httpx


def main() -> None:
    """Poll; exit with 1 and the names of those that did not answer in time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("urls", nargs="+", metavar="URL")
    parser.add_argument("--timeout", type=float, default=30, help="seconds")
    options = parser.parse_args()
    deadline = time.monotonic() + options.timeout
    waiting = list(options.urls)
    with httpx.Client(timeout=2, trust_env=False) as client:
        while waiting:
            waiting = [url for url in waiting if not _answers(client, url)]
            if waiting and time.monotonic() > deadline:
                sys.exit(f"no answer within {options.timeout:.0f} s from: {', '.join(waiting)}")
            time.sleep(0.05 if waiting else 0)


def _answers(client: httpx.Client, url: str) -> bool:
    try:
        return client.get(url).status_code == 200
    except httpx.HTTPError:
        return False


if __name__ == "__main__":
    main()
