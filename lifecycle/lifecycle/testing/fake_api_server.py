"""A small API server of Kubernetes, which keeps objects in memory and starts a pod for each Deployment."""

import json
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
    page_length: int = 500
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

    def answer(self, request: AskedRequest) -> tuple[int, Object | str]:
        """Answer a request with a status, and an object or the text of a log."""
        with self.lock:
            self.asked.append(request)
            plural, name, rest = _split(request.path)
            if refusal := self.refusals.get((request.method, plural)):
                return refusal[0], _make_status(*refusal)
            if rest == "log":
                return self._read_log(name, request.question)
            actions = {"GET": self._list, "PATCH": self._apply, "DELETE": self._delete}
            return actions[request.method](plural, name, request)

    def _list(self, plural: str, _: str, request: AskedRequest) -> tuple[int, Object]:
        found = self._select(plural, request.question)
        start = int(request.question.get("continue", 0))
        end = start + min(self.page_length, int(request.question["limit"]))
        metadata = {"continue": str(end)} if end < len(found) else {}
        return 200, {"items": found[start:end], "metadata": metadata}

    def _apply(self, plural: str, name: str, request: AskedRequest) -> tuple[int, Object]:
        wanted = deepcopy(request.body or {})
        if wanted["metadata"]["name"] != name:
            return 400, _make_status(400, "the name of the object does not match that of the path")
        wanted["metadata"].setdefault("creationTimestamp", _CREATED)
        if plural == "services":
            wanted["spec"]["clusterIP"] = _CLUSTER_IP
        if plural == "deployments" and (plural, name) not in self.objects:
            self.objects["pods", f"{name}-x"] = _make_pod(f"{name}-x", wanted["spec"]["template"])
        self.objects[plural, name] = wanted
        return 200, wanted

    def _delete(self, plural: str, name: str, request: AskedRequest) -> tuple[int, Object]:
        if name and (plural, name) not in self.objects:
            return 404, _make_status(404, f'{plural} "{name}" not found')
        found = self._select(plural, request.question)
        names = [name] if name else [one["metadata"]["name"] for one in found]
        for each in names:
            del self.objects[plural, each]
        return 200, _make_status(200, "")

    def _read_log(self, name: str, question: dict[str, str]) -> tuple[int, Object | str]:
        key = f"{name} previous" if question.get("previous") else name
        if key not in self.logs:
            return 400, _make_status(400, f'container "job" in pod "{name}" is waiting to start')
        lines = self.logs[key].splitlines(keepends=True)
        return 200, "".join(lines[-int(question.get("tailLines", len(lines))) :])

    def _select(self, plural: str, question: dict[str, str]) -> list[Object]:
        wanted = _parse_selector(question.get("labelSelector", ""))
        fields = _parse_selector(question.get("fieldSelector", ""))
        return [
            one
            for one in self.list_of(plural)
            if wanted.items() <= one["metadata"].get("labels", {}).items()
            and all(_read_field(one, path) == value for path, value in fields.items())
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
        server.shutdown()
        server.server_close()


def _make_handler(fake: FakeApiServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = json.loads(self.rfile.read(length)) if length else None
            url = urlsplit(self.path)
            question = {name: values[0] for name, values in parse_qs(url.query).items()}
            status, found = fake.answer(AskedRequest(self.command, url.path, question, body))
            content = (found if isinstance(found, str) else json.dumps(found)).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PATCH = do_DELETE = answer  # noqa: N815 - the names that the base class calls

        def log_message(self, *_: object) -> None:
            pass

    return Handler


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


def _parse_selector(text: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in text.split(",") if part)


def _read_field(found: Object, path: str) -> object:
    value: Any = found
    for name in path.split("."):
        value = value.get(name, {})
    return value
