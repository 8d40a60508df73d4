import subprocess
import sys
import threading

from racetrack_commons.api.app import create_api_app
from racetrack_commons.api.probes import ProbeAnswer, Probes
from racetrack_commons.clock import Clock
from racetrack_commons.testing.clock import FakeClock
from racetrack_commons.testing.serving import free_port, running_server
from racetrack_commons.wait import wait_for


def test_it_returns_when_all_urls_answer_and_tells_of_each():
    ready = threading.Event()

    def probe() -> ProbeAnswer:
        answer = ProbeAnswer({}, 200 if ready.is_set() else 503)
        ready.set()
        return answer

    told = []
    with running_server(create_api_app(title="a", probes=Probes("a", ready=probe))) as url:
        silent = wait_for([f"{url}/live", f"{url}/ready"], 10, Clock(), told.append)

    assert silent == []
    assert [text.split(" ")[0] for text in told] == [f"{url}/live", f"{url}/ready"]


def test_it_returns_those_that_did_not_answer_in_time():
    url = f"http://127.0.0.1:{free_port()}/ready"

    assert wait_for([url], 5, FakeClock(), lambda _: None) == [url]


def test_the_command_fails_with_the_names_of_those_that_did_not_answer():
    url = f"http://127.0.0.1:{free_port()}/ready"

    done = subprocess.run(
        [sys.executable, "-m", "racetrack_commons.wait", url, "--timeout", "0.1"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert url in done.stderr
