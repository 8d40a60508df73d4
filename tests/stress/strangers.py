"""Attacks of strangers, each by a process of its own for each service."""

import asyncio
import base64
import json
import multiprocessing
import os
import resource
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass

SERVICES = {
    "lifecycle": "LIFECYCLE_PORT",
    "pub": "PUB_PORT",
    "image-builder": "IMAGE_BUILDER_PORT",
    "lifecycle-supervisor": "SUPERVISOR_PORT",
    "dashboard": "DASHBOARD_PORT",
}
Ports = dict[str, int]
Ready = Callable[[], object]
"""What an attacker calls when its attack has begun: it waits for the other attackers."""
Attack = dict[str, Callable[[int, Ready], None]]
"""The services that are attacked, and what attacks the port of each, in a process of its own."""
STEPS = 10
"""The parts of a second in which holders of connections look after a part of them each."""
REOPENED = 25
"""The most connections that a holder opens in such a part."""


@dataclass(frozen=True)
class Attackers:
    """The processes of an attack, and the cores that they may use."""

    attack: Attack
    ports: Ports
    cores: set[int]

    @contextmanager
    def attacking(self) -> Iterator[list[int]]:
        """Attack until the block ends; give the ids of the processes."""
        spawning = multiprocessing.get_context("spawn")
        ready = spawning.Barrier(len(self.attack) + 1)
        processes = [
            spawning.Process(target=self._attack, args=(send, self.ports[service], ready))
            for service, send in self.attack.items()
        ]
        for process in processes:
            process.start()
        ready.wait()
        try:
            yield [process.pid or 0 for process in processes]
        finally:
            for process in processes:
                process.kill()
                process.join()

    def _attack(
        self, send: Callable[[int, Ready], None], port: int, ready: threading.Barrier
    ) -> None:
        os.sched_setaffinity(0, self.cores)
        send(port, ready.wait)


def hold_idle_connections(port: int, ready: Ready) -> None:
    hold_connections(port, 5000, b"", ready)


def send_slow_heads(port: int, ready: Ready) -> None:
    hold_connections(port, 200, b"GET / HTTP/1.1\r\nHost: h\r\nX-Slow: ", ready)


def hold_connections(port: int, count: int, begun: bytes, ready: Ready) -> None:
    """Open connections that send the beginning of a request and then a byte a second; replace those that are closed."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    held = [open_connection(port, begun) for _ in range(count)]
    look_after(held, port, begun)
    ready()
    while True:
        look_after(held, port, begun)


def look_after(held: list[socket.socket], port: int, begun: bytes) -> None:
    """Use a second to replace closed connections, and to send a byte over the others if something was begun."""
    for step in range(STEPS):
        reopened = 0
        for index in range(step, len(held), STEPS):
            if not is_closed(held[index]):
                with suppress(OSError):
                    held[index].sendall(begun[-1:])
            elif reopened < REOPENED:
                reopened += 1
                held[index].close()
                held[index] = open_connection(port, begun)
        time.sleep(1 / STEPS)


def open_connection(port: int, begun: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port))
    connection.sendall(begun)
    return connection


def is_closed(connection: socket.socket) -> bool:
    """Return whether the service has closed a connection, or has answered what was begun."""
    try:
        connection.recv(1, socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def send_large_bodies(port: int, ready: Ready) -> None:
    """Send 100 bodies of 300 MB to log-in."""
    ready()
    with ThreadPoolExecutor(100) as clients:
        list(clients.map(send_large_body, [port] * 100))


def send_large_body(port: int) -> None:
    head = "POST /lifecycle/api/v1/users/login HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 60) as connection:
        connection.sendall(f"{head}Content-Length: {300 * 10**6}\r\n\r\n".encode())
        for _ in range(300):
            connection.sendall(b" " * 10**6)
        connection.recv(1000)


def register_at_once(port: int, ready: Ready) -> None:
    def write_request() -> bytes:
        body = json.dumps({"username": word(), "password": word()})
        return write_post("/lifecycle/api/v1/users/register", body)

    ready()
    asyncio.run(repeat(port, write_request))


def call_with_random_tokens(port: int, ready: Ready) -> None:
    path = "/pub/job/adder/latest/api/v1/perform"
    ready()
    asyncio.run(repeat(port, lambda: write_post(path, "{}", make_token())))


def deploy_with_random_tokens(port: int, ready: Ready) -> None:
    path = "/lifecycle/api/v1/deploy"
    ready()
    asyncio.run(repeat(port, lambda: write_post(path, "{}", make_token())))


def write_post(path: str, body: str, token: str = "") -> bytes:
    shown = f"X-Racetrack-Auth: {token}\r\n" if token else ""
    head = f"POST {path} HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n{shown}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


async def repeat(port: int, write_request: Callable[[], bytes]) -> None:
    """Let 200 clients from as many addresses send the same kind of request, each again as soon as it was answered."""
    await asyncio.gather(*(go_on(f"127.0.1.{n}", port, write_request) for n in range(1, 201)))


async def go_on(address: str, port: int, write_request: Callable[[], bytes]) -> None:
    while True:
        with suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", port, local_addr=(address, 0)
            )
            with closing(writer):
                while True:
                    writer.write(write_request())
                    head = await reader.readuntil(b"\r\n\r\n")
                    length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
                    await reader.readexactly(int(length or b"0"))


def make_token() -> str:
    """Return a text that only its signature distinguishes from a token."""
    claims = {"seed": word(), "subject": "admin", "subject_type": "user", "scopes": None}
    parts = [{"alg": "HS256", "typ": "JWT"}, claims]
    texts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in parts]
    return ".".join(text.rstrip("=") for text in [*texts, secrets.token_urlsafe(32)])


def word() -> str:
    return f"w{secrets.token_hex(12)}"


ATTACKS: dict[str, Attack] = {
    "idle": dict.fromkeys(SERVICES, hold_idle_connections),
    "slow heads": dict.fromkeys(SERVICES, send_slow_heads),
    "large bodies": {"lifecycle": send_large_bodies},
    "registrations": {"lifecycle": register_at_once},
    "random tokens": {"pub": call_with_random_tokens, "lifecycle": deploy_with_random_tokens},
}
