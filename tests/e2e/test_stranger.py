"""Programs at the port of a job, and callers beside the gateway: neither gets what is the job's."""

import contextlib
import socket
import threading

VAULT = """
import os
class Job:
    def perform(self, secret: str = "", crash: bool = False):
        if crash:
            os._exit(1)
        return f"kept {secret}"
"""
NOSY = """
import json, urllib.error, urllib.request
class Job:
    def perform(self, url: str = ""):
        if not url:
            return None
        headers = {"Content-Type": "application/json", "X-Caller-Name": "User admin"}
        request = urllib.request.Request(url, b'{"secret": "around the gateway"}', headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return [answer.status, answer.read().decode()]
        except urllib.error.HTTPError as error:
            return [error.code, error.read().decode()]
"""
CALL = "vault/latest/api/v1/perform"
STRANGE = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n"strange"'


class Stranger:
    """Takes a port as soon as it is free, and answers whatever comes."""

    def __init__(self, host: str, port: int) -> None:
        self.heard = b""
        self._address = (host, port)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> "Stranger":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _serve(self) -> None:
        listener = None
        while listener is None and not self._ended.wait(0.001):
            with contextlib.suppress(OSError):
                listener = socket.create_server(self._address)
        if listener is None:
            return
        listener.settimeout(0.1)
        with listener:
            while not self._ended.is_set():
                with contextlib.suppress(TimeoutError):
                    self._answer(listener.accept()[0])

    def _answer(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(1)
            while chunk := connection.recv(65536):
                self.heard += chunk
                connection.sendall(STRANGE)


def test_neither_strangers_nor_other_jobs_get_what_is_a_jobs(
    embedded_stack, job_directory, wait_until
):
    stack = embedded_stack
    for name, code in (("vault", VAULT), ("nosy", NOSY)):
        stack.racetrack("deploy", str(job_directory(name, code)), "--build-context", "local")
    address = stack.api("GET", "job/vault/latest").json()["internal_name"]
    url = f"http://{address}/api/v1/perform"

    status, text = stack.call("nosy/latest/api/v1/perform", {"url": url}).json()
    assert (status, "takes calls from the gateway only" in text) == (401, True)

    answers = []

    def is_back():
        answer = stack.call(CALL, {"secret": "of the caller"})
        answers.append((answer.status_code, answer.text))
        return answer.status_code == 200

    host, port = address.split(":")
    with Stranger(host, int(port)) as stranger:
        assert stack.call(CALL, {"crash": True}).status_code == 502
        wait_until(is_back, what="the job's return")
    assert answers[-1] == (200, '"kept of the caller"')
    assert {code for code, _ in answers[:-1]} <= {502, 503}
    assert not any("strange" in text for _, text in answers)
    assert b"of the caller" not in stranger.heard
    assert b"nstance-Secret" not in stranger.heard
