import gc
import threading

import pytest
from lifecycle.testing.deployer_contract import NAME, VERSION
from racetrack_commons.testing.serving import wait_until


@pytest.fixture
def follow(streamer):
    """Follows the log of the job; the lines come into the list that is returned."""
    lines = []

    def follow(tail=5, **more):
        properties = {"job_name": NAME, "job_version": VERSION, "tail": str(tail)} | more
        streamer.create_session("s", properties, lambda _, line: lines.append(line))
        return lines

    yield follow
    streamer.close_session("s")
    wait_until(lambda: not [each for each in threading.enumerate() if each.name.startswith("log")])
    gc.collect()  # It would warn of a socket that was left open.
