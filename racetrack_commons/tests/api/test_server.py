import signal
import subprocess
import sys

import httpx
from racetrack_commons.testing.serving import free_port, wait_until

SERVICE = """
import asyncio, sys
from racetrack_commons.api.app import create_api_app
from racetrack_commons.api.server import serve_app

app = create_api_app(title="service")

@app.get("/slow")
async def slow():
    sys.stdout.write("started\\n")
    sys.stdout.flush()
    await asyncio.sleep(0.5)
    return "done"

serve_app(app, "127.0.0.1", int(sys.argv[1]))
"""


def test_a_service_that_is_told_to_stop_lets_running_requests_end():
    port = free_port()
    service = subprocess.Popen([sys.executable, "-c", SERVICE, str(port)], stdout=subprocess.PIPE)
    try:
        wait_until(lambda: _answers(port), 20)
        with httpx.Client(trust_env=False).stream("GET", f"http://127.0.0.1:{port}/live") as live:
            assert live.status_code == 200
        request = subprocess.Popen(
            [
                sys.executable,
                "-c",
                f"import urllib.request as u; print(u.urlopen('http://127.0.0.1:{port}/slow').read())",
            ],
            stdout=subprocess.PIPE,
        )
        assert service.stdout is not None
        assert service.stdout.readline() == b"started\n"

        service.send_signal(signal.SIGTERM)

        output, _ = request.communicate(timeout=20)
        assert b"done" in output
        assert service.wait(20) in (0, -signal.SIGTERM)
    finally:
        service.kill()
        service.wait()
        if service.stdout is not None:
            service.stdout.close()


def _answers(port):
    try:
        return httpx.get(f"http://127.0.0.1:{port}/ready", trust_env=False).is_success
    except httpx.HTTPError:
        return False
