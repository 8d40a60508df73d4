"""A small API server of Kubernetes, which keeps objects in memory and starts a pod for each Deployment."""

import json
import re
import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

Object = dict[str, Any]
_CREATED = "2026-01-02T03:04:05Z"
_CLUSTER_IP = "10.96.0.7"
_GONE = 410
_LOOK_SECONDS = 0.02


@dataclass(frozen=True)
class AskedRequest:
    """One request that the server got."""

    method: str
    path: str
    question: dict[str, str]
    body: Object | None = None


@dataclass
class FakeApiServer:
    """The objects of one namespace, and the way in which the server goes wrong."""

    objects: dict[tuple[str, str], Object] = field(default_factory=dict)
    """The objects by their kind in the plural and their name."""
    logs: dict[str, str] = field(default_factory=dict)
    """The logs by the names of pods; that before the present start has the suffix ` previous`."""
    refusals: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)
    """Statuses and messages by the method and the kind in the plural that are refused."""
    asked: list[AskedRequest] = field(default_factory=list)
    page_length: int = 1000
    made: int = 0
    """The number of objects that were made, from which each gets an id of its own."""
    expired_pages: int = 0
    """The number of times that the server will have forgotten the moment of a further page."""
    events: list[tuple[str, str, Object]] = field(default_factory=list)
    """Each change: the kind in the plural, the type of the event, and the object. Its number is its resource version."""
    is_silent: bool = False
    """True if changes are not told to those who watch, as when a connection broke without a word."""
    is_away: bool = False
    """True if the server breaks connections off instead of answering."""
    is_closed: threading.Event = field(default_factory=threading.Event)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def list_of(self, plural: str) -> list[Object]:
        """List the objects of a kind."""
        with self.lock:
            return [one for (kind, _), one in sorted(self.objects.items()) if kind == plural]

    def change_pods(self, change: Callable[[Object], None]) -> None:
        """Let a function change the status of each pod."""
        with self.lock:
            for pod in self.list_of("pods"):
                change(pod["status"])
                self.note("pods", "MODIFIED", pod)

    def put(self, plural: str, found: Object) -> None:
        """Keep an object as it is, as if a controller had made or changed it."""
        with self.lock:
            key = (plural, found["metadata"]["name"])
            self.note(plural, "MODIFIED" if key in self.objects else "ADDED", found)
            self.objects[key] = found

    def remove(self, plural: str, name: str) -> None:
        """Remove an object, and those that it owns."""
        with self.lock:
            found = self.objects.pop((plural, name))
            self.note(plural, "DELETED", found)
            for kind, other in list(self.objects):
                owners = self.objects[kind, other]["metadata"].get("ownerReferences", [])
                if any(one["uid"] == found["metadata"].get("uid") for one in owners):
                    self.remove(kind, other)

    def note(self, plural: str, event: str, found: Object) -> None:
        """Tell those who watch of a change."""
        with self.lock:
            found["metadata"]["resourceVersion"] = str(len(self.events) + 1)
            self.events.append((plural, event, deepcopy(found)))

    def forget_events(self) -> None:
        """Forget all changes, so that each watch must begin with a new list."""
        with self.lock:
            self.events = [("", "FORGOTTEN", {})] * (len(self.events) + 1)

    def warn(self, pod_name: str, message: str) -> None:
        """Note a warning about a pod."""
        with self.lock:
            name = f"event-{len(self.objects)}"
            self.objects["events", name] = {
                "metadata": {"name": name},
                "involvedObject": {"name": pod_name},
                "type": "Warning",
                "message": message,
            }

    def answer(self, request: AskedRequest) -> tuple[int, Object | str | Iterator[str]]:
        """Answer a request with a status, and an object, the text of a log, or the pieces of an answer that goes on."""
        with self.lock:
            self.asked.append(request)
            plural, name, rest = _split(request.path)
            part = f"{plural}/{rest}" if rest else plural
            if refusal := self.refusals.get((request.method, part)):
                return refusal[0], _make_status(*refusal)
            if rest == "log":
                return self._read_log(name, request.question)
            if request.question.get("watch"):
                return self._watch(plural, request.question)
            actions = {"GET": self._list, "PATCH": self._apply, "DELETE": self._delete}
            return actions[request.method](plural, name, request)

    def _list(self, plural: str, _: str, request: AskedRequest) -> tuple[int, Object]:
        found = self._select(plural, request.question)
        start = int(request.question.get("continue", 0))
        if start and self.expired_pages:
            self.expired_pages -= 1
            return _GONE, _make_status(_GONE, "The provided continue parameter is too old")
        end = start + min(self.page_length, int(request.question["limit"]))
        metadata = {"continue": str(end)} if end < len(found) else {}
        metadata["resourceVersion"] = str(len(self.events))
        return 200, {"items": deepcopy(found[start:end]), "metadata": metadata}

    def _watch(self, plural: str, question: dict[str, str]) -> tuple[int, Iterator[str] | Object]:
        version = int(question["resourceVersion"])
        if any(event == "FORGOTTEN" for _, event, _ in self.events[version:]):
            return _GONE, _make_status(_GONE, "too old resource version")
        return 200, self._yield_events(plural, question, version)

    def _yield_events(self, plural: str, question: dict[str, str], version: int) -> Iterator[str]:
        wanted = _parse_selector(question.get("labelSelector", ""))
        while not self.is_away:
            with self.lock:
                news, version = self.events[version:], len(self.events)
            if self.is_silent:
                news = []
            for kind, event, found in news:
                if event == "FORGOTTEN":
                    yield _make_event("ERROR", _make_status(_GONE, "too old resource version"))
                    return
                if kind == plural and _has_labels(found, wanted):
                    yield _make_event(event, found)
            yield ""

    def _apply(self, plural: str, name: str, request: AskedRequest) -> tuple[int, Object]:
        wanted = deepcopy(request.body or {})
        if "metadata" not in wanted:
            return self._scale(plural, name, wanted["spec"]["replicas"])
        if wanted["metadata"]["name"] != name:
            return 400, _make_status(400, "the name of the object does not match that of the path")
        wanted["metadata"].setdefault("creationTimestamp", _CREATED)
        former = self.objects.get((plural, name))
        self.made += 0 if former else 1
        uid = former["metadata"]["uid"] if former else f"uid-{self.made}"
        wanted["metadata"]["uid"] = uid
        if plural == "services":
            wanted["spec"]["clusterIP"] = _CLUSTER_IP
        if plural == "deployments" and former is None:
            self.put("pods", _make_pod(f"{name}-x", wanted["spec"]["template"]))
        self.put(plural, wanted)
        return 200, wanted

    def _scale(self, plural: str, name: str, replicas: int) -> tuple[int, Object]:
        if (plural, name) not in self.objects:
            return 404, _make_status(404, f'{plural} "{name}" not found')
        self.objects[plural, name]["spec"]["replicas"] = replicas
        if not replicas:
            self.remove("pods", f"{name}-x")
        return 200, self.objects[plural, name]

    def _delete(self, plural: str, name: str, request: AskedRequest) -> tuple[int, Object]:
        if name and (plural, name) not in self.objects:
            return 404, _make_status(404, f'{plural} "{name}" not found')
        found = self._select(plural, request.question)
        names = [name] if name else [one["metadata"]["name"] for one in found]
        for each in names:
            self.remove(plural, each)
        return 200, _make_status(200, "")

    def _read_log(
        self, name: str, question: dict[str, str]
    ) -> tuple[int, Object | str | Iterator[str]]:
        key = f"{name} previous" if question.get("previous") else name
        if key not in self.logs:
            return 400, _make_status(400, f'container "job" in pod "{name}" is waiting to start')
        # As the real server, it compares whole seconds only.
        since = question.get("sinceTime", "")[: len(_CREATED) - 1]
        if question.get("follow"):
            return 200, self._yield_lines(key, since)
        lines = [line for line in self.logs[key].splitlines(keepends=True) if line >= since]
        text = "".join(
            lines[len(lines) - min(len(lines), int(question.get("tailLines", len(lines)))) :]
        )
        return 200, text[: int(question.get("limitBytes", len(text)))]

    def _yield_lines(self, key: str, since: str) -> Iterator[str]:
        sent = ""
        while not self.is_away:
            with self.lock:
                text = self.logs.get(key, "")
            if not text.startswith(sent):
                return  # The container has ended, and another one writes.
            news = text[len(sent) :].splitlines(keepends=True)
            yield "".join(line for line in news if line >= since)
            sent = text

    def _select(self, plural: str, question: dict[str, str]) -> list[Object]:
        wanted = _parse_selector(question.get("labelSelector", ""))
        fields = _parse_selector(question.get("fieldSelector", ""))
        return [
            one
            for one in self.list_of(plural)
            if _has_labels(one, wanted)
            and all(_read_field(one, path) in values for path, values in fields.items())
        ]


@contextmanager
def serve_fake_api(folder: Path) -> Iterator[tuple[FakeApiServer, Path]]:
    """Serve a new fake on a free loopback port; give it with the kubeconfig file that leads to it."""
    fake = FakeApiServer()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _make_handler(fake))
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(json.dumps(_make_kubeconfig(server.server_port)))
    try:
        yield fake, kubeconfig
    finally:
        fake.is_closed.set()
        server.shutdown()
        server.server_close()


def _make_handler(fake: FakeApiServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = json.loads(self.rfile.read(length)) if length else None
            if fake.is_away:
                self.close_connection = True
                return
            url = urlsplit(self.path)
            question = {name: values[0] for name, values in parse_qs(url.query).items()}
            status, found = fake.answer(AskedRequest(self.command, url.path, question, body))
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            if isinstance(found, dict | str):
                content = (found if isinstance(found, str) else json.dumps(found)).encode()
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
                return
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.close_connection = not _send_pieces(fake, self, found)

        do_GET = do_PATCH = do_DELETE = answer  # noqa: N815 - the names that the base class calls

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def _send_pieces(
    fake: FakeApiServer, handler: BaseHTTPRequestHandler, pieces: Iterator[str]
) -> bool:
    """Send each piece as a chunk; return False when client or server has left before the end."""
    for piece in pieces:
        pause = 0 if piece else _LOOK_SECONDS
        if fake.is_closed.wait(pause) or _has_left(handler.connection):
            return False
        if content := piece.encode():
            handler.wfile.write(f"{len(content):x}\r\n".encode() + content + b"\r\n")
    if fake.is_away:
        return False
    handler.wfile.write(b"0\r\n\r\n")
    return True


def _has_left(connection: socket.socket) -> bool:
    is_readable, _, _ = select.select([connection], [], [], 0)
    return bool(is_readable) and not connection.recv(1, socket.MSG_PEEK)


def _split(path: str) -> tuple[str, str, str]:
    """Return the kind in the plural, the name and the subresource of a path."""
    plural, *rest = path.partition("/namespaces/")[2].split("/")[1:]
    return plural, *[*rest, "", ""][:2]  # type: ignore[return-value]


def _make_pod(name: str, template: Object) -> Object:
    containers = template["spec"]["containers"]
    statuses = [
        {
            "name": one["name"],
            "ready": True,
            "restartCount": 0,
            "state": {"running": {"startedAt": _CREATED}},
        }
        for one in containers
    ]
    return {
        "metadata": template["metadata"] | {"name": name, "creationTimestamp": _CREATED},
        "spec": template["spec"],
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": statuses,
        },
    }


def _make_status(code: int, message: str) -> Object:
    return {"kind": "Status", "code": code, "message": message}


def _make_kubeconfig(port: int) -> Object:
    return {
        "current-context": "fake",
        "clusters": [{"name": "fake", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "fake", "user": {"token": "a token"}}],
        "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "fake"}}],
    }


def _parse_selector(text: str) -> dict[str, list[str]]:
    found = re.findall(r"([^,=\s]+)(?:=([^,]*)| in \(([^)]*)\))", text)
    return {name: several.split(",") if several else [value] for name, value, several in found}


def _has_labels(found: Object, wanted: dict[str, list[str]]) -> bool:
    labels = found["metadata"].get("labels", {})
    return all(labels.get(name) in values for name, values in wanted.items())


def _make_event(event: str, found: Object) -> str:
    return json.dumps({"type": event, "object": found}) + "\n"


def _read_field(found: Object, path: str) -> object:
    value: Any = found
    for name in path.split("."):
        value = value.get(name, {})
    return value
