"""The calls that the target `kubernetes` makes to the API server: plain maps go there, and plain maps come back."""

import json
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from kubernetes import client as sdk
from kubernetes import config as sdk_config
from racetrack_client.log.errors import ServiceUnavailable
from urllib3.exceptions import HTTPError
from urllib3.util import Retry

from lifecycle.config import Config

NOT_FOUND = 404
GONE = 410
_NO_LOG_YET = 400
_FIELD_MANAGER = "racetrack"
_TIMEOUT_SECONDS = 30
_PAGE = 1000
_LIST_ATTEMPTS = 3
_LATE_SECONDS = 15
"""Seconds after its end in which a watch must have ended; then its connection is taken for broken."""
_APPLY, _MERGE = "application/apply-patch+yaml", "application/merge-patch+json"
_CHUNK_BYTES = 64 * 1024
Timeout = float | tuple[float, float | None]
Labels = Mapping[str, str | Collection[str]]
"""The labels that objects are chosen by; of several values, any will do."""
ParsedT = TypeVar("ParsedT")


class ClusterUnavailable(ServiceUnavailable):
    """The API server does not answer, so it is not known what runs in the cluster."""


class ClusterRefusal(Exception):
    """The API server answered, but refused the request; the message is its own."""

    def __init__(self, status_code: int, explanation: str) -> None:
        super().__init__(explanation)
        self.status_code = status_code


@dataclass(frozen=True)
class ObjectKind:
    """A kind of objects, as the API's paths and objects name it."""

    api_version: str
    name: str
    plural: str

    @property
    def api_path(self) -> str:
        """The beginning of the paths of its objects."""
        return f"/{'apis' if '/' in self.api_version else 'api'}/{self.api_version}"


DEPLOYMENT = ObjectKind("apps/v1", "Deployment", "deployments")
REPLICA_SET = ObjectKind("apps/v1", "ReplicaSet", "replicasets")
POD = ObjectKind("v1", "Pod", "pods")
SERVICE = ObjectKind("v1", "Service", "services")
SECRET = ObjectKind("v1", "Secret", "secrets")
EVENT = ObjectKind("v1", "Event", "events")
KINDS = {kind.name: kind for kind in (DEPLOYMENT, REPLICA_SET, POD, SERVICE, SECRET, EVENT)}


@dataclass(frozen=True)
class Listing(Generic[ParsedT]):
    """The objects of a kind at one moment."""

    objects: list[ParsedT]
    version: str
    """The moment, from which a watch goes on."""


class OpenAnswer:
    """An answer that arrives piece by piece, such as a followed log; one thread reads it, any may interrupt it."""

    def __init__(self, response: Any) -> None:
        self._response = response

    def read_pieces(self) -> Iterator[bytes]:
        """Yield what arrives until the server or `interrupt` ends it; raise ClusterUnavailable when it breaks off."""
        with _translating():
            yield from self._response.stream(_CHUNK_BYTES)

    def interrupt(self) -> None:
        """End the pieces, also from another thread."""
        with suppress(OSError, ValueError, RuntimeError):  # It may have ended just now.
            self._response.shutdown()

    def close(self) -> None:
        """Close the connection; to be called by the thread that reads."""
        self._response.close()


class Cluster:
    """The objects in the namespace of jobs. Each method may raise ClusterUnavailable or ClusterRefusal.

    It connects at its first use; several threads may use it.
    """

    def __init__(self, config: Config, timeout_seconds: float = _TIMEOUT_SECONDS) -> None:
        self.namespace = config.job_k8s_namespace
        self._timeout_seconds = timeout_seconds
        self._kubeconfig = config.kubernetes_config
        self._lock = threading.Lock()
        self._client: sdk.ApiClient | None = None

    def apply(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Create an object, or give it the wanted fields, by a server-side apply; return it as the cluster has it."""
        kind, name = KINDS[wanted["kind"]], wanted["metadata"]["name"]
        question = {"fieldManager": _FIELD_MANAGER, "force": "true"}
        return self._ask("PATCH", self._make_path(kind, name), question, wanted)

    def scale_to_zero(self, name: str) -> None:
        """Let the cluster end the pods of a Deployment, each in its own time; do nothing if it is gone."""
        wanted = {"spec": {"replicas": 0}}
        try:
            self._ask("PATCH", self._make_path(DEPLOYMENT, name), {}, wanted, _MERGE)
        except ClusterRefusal as refusal:
            if refusal.status_code != NOT_FOUND:
                raise

    def list_objects(self, kind: ObjectKind, labels: Labels) -> list[dict[str, Any]]:
        """List the objects of a kind that have all these labels."""
        return self.read_listing(kind, labels, lambda found: found).objects

    def read_listing(
        self,
        kind: ObjectKind,
        labels: Labels,
        parse: Callable[[dict[str, Any]], ParsedT],
    ) -> Listing[ParsedT]:
        """List the objects of a kind, each as `parse` returns it: whole objects of thousands of jobs take much memory."""
        return self._read_all(kind, {"labelSelector": _select(labels)}, parse)

    def open_watch(
        self, kind: ObjectKind, labels: Labels, version: str, seconds: int
    ) -> OpenAnswer:
        """Ask for the changes of objects since a listing, for some seconds: a line of JSON for each.

        Raise ClusterRefusal with the status GONE when the server does not know that moment any more.
        """
        question = {
            "labelSelector": _select(labels),
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(seconds),
        }
        timeout = (_TIMEOUT_SECONDS, seconds + _LATE_SECONDS)
        return OpenAnswer(self._send("GET", self._make_path(kind), question, timeout=timeout))

    def list_warnings(self, object_name: str) -> list[str]:
        """List what the cluster warns of about an object, the oldest first; it forgets after an hour."""
        question = {"fieldSelector": f"involvedObject.name={object_name},type=Warning"}
        found = self._read_all(EVENT, question, lambda event: event).objects
        found.sort(key=lambda one: one.get("lastTimestamp") or one.get("eventTime") or "")
        return [one.get("message") or "" for one in found]

    def delete_object(self, kind: ObjectKind, name: str) -> None:
        """Delete one object; do nothing if it is gone."""
        try:
            self._ask("DELETE", self._make_path(kind, name), {"propagationPolicy": "Background"})
        except ClusterRefusal as refusal:
            if refusal.status_code != NOT_FOUND:
                raise

    def delete_objects(
        self, kind: ObjectKind, labels: Labels, grace_seconds: int | None = None
    ) -> None:
        """Delete the objects of a kind that have all these labels; pods get `grace_seconds`, by default their own."""
        question = {"labelSelector": _select(labels), "propagationPolicy": "Background"}
        if grace_seconds is not None:
            question["gracePeriodSeconds"] = str(grace_seconds)
        self._ask("DELETE", self._make_path(kind), question)

    def read_log(self, pod: str, container: str, question: Mapping[str, str]) -> bytes:
        """Return the log of a container; nothing if the pod is gone or has not started it.

        The question is that of the API, such as `tailLines` and `previous`.
        """
        try:
            response = self._open_log(pod, container, question)
            with _translating(), closing(response):
                return bytes(response.read())
        except ClusterRefusal as refusal:
            if refusal.status_code in {NOT_FOUND, _NO_LOG_YET}:
                return b""
            raise

    def follow_log(self, pod: str, container: str, question: Mapping[str, str]) -> OpenAnswer:
        """Ask for the log of a container as it is written, until the container ends."""
        timeout = (_TIMEOUT_SECONDS, None)
        return OpenAnswer(self._open_log(pod, container, {"follow": "true", **question}, timeout))

    def close(self) -> None:
        """Close the connections; the next use opens them again."""
        with self._lock:
            if self._client is not None:
                self._client.rest_client.close()
                self._client = None

    def _read_all(
        self,
        kind: ObjectKind,
        question: dict[str, str],
        parse: Callable[[dict[str, Any]], ParsedT],
    ) -> Listing[ParsedT]:
        """List all pages; begin again when the server has forgotten the moment of the first one."""
        for _ in range(_LIST_ATTEMPTS - 1):
            try:
                return self._read_pages(kind, question, parse)
            except ClusterRefusal as refusal:
                if refusal.status_code != GONE:
                    raise
        return self._read_pages(kind, question, parse)

    def _read_pages(
        self,
        kind: ObjectKind,
        question: dict[str, str],
        parse: Callable[[dict[str, Any]], ParsedT],
    ) -> Listing[ParsedT]:
        page, objects = {"limit": str(_PAGE)}, []
        while True:
            answer = self._ask("GET", self._make_path(kind), question | page)
            objects += [parse(found) for found in answer.get("items") or []]
            token = answer["metadata"].get("continue")
            if not token:
                return Listing(objects, answer["metadata"].get("resourceVersion", ""))
            page = {"limit": str(_PAGE), "continue": token}

    def _make_path(self, kind: ObjectKind, name: str = "") -> str:
        path = f"{kind.api_path}/namespaces/{self.namespace}/{kind.plural}"
        return f"{path}/{name}" if name else path

    def _open_log(
        self,
        pod: str,
        container: str,
        question: Mapping[str, str],
        timeout: Timeout | None = None,
    ) -> Any:
        path = f"{self._make_path(POD, pod)}/log"
        return self._send("GET", path, {"container": container, **question}, timeout=timeout)

    def _ask(
        self,
        method: str,
        path: str,
        question: Mapping[str, str],
        body: dict[str, Any] | None = None,
        content_type: str = _APPLY,
    ) -> dict[str, Any]:
        response = self._send(method, path, question, body, content_type)
        with _translating(), closing(response):
            answer: dict[str, Any] = json.loads(response.read())
        return answer

    def _send(
        self,
        method: str,
        path: str,
        question: Mapping[str, str],
        body: dict[str, Any] | None = None,
        content_type: str = _APPLY,
        *,
        timeout: Timeout | None = None,
    ) -> Any:
        """Return the response, of which nothing is read yet; raise ClusterRefusal when it is a refusal."""
        headers = {"Accept": "application/json"}
        if method == "PATCH":
            headers["Content-Type"] = content_type
        # The SDK makes JSON itself of what it knows to become JSON.
        content = json.dumps(body) if body and content_type == _APPLY else body
        with _translating():
            client = self._connect()
            request = client.param_serialize(
                method,
                path,
                query_params=list(question.items()),
                header_params=headers,
                body=content,
                auth_settings=["BearerToken"],
            )
            response = client.call_api(
                *request, _request_timeout=timeout or self._timeout_seconds
            ).response
            if not 200 <= response.status < 300:
                with closing(response):
                    raise ClusterRefusal(response.status, _read_explanation(response))
        return response

    def _connect(self) -> sdk.ApiClient:
        with self._lock:
            if self._client is None:
                configuration = sdk.Configuration()
                _configure(configuration, self._kubeconfig)
                # A connection that was idle may break at its next use. The SDK would wait for an answer four times.
                configuration.retries = Retry(1)
                self._client = sdk.ApiClient(configuration)
            return self._client


def _configure(configuration: sdk.Configuration, kubeconfig: Path | None) -> None:
    """Read a kubeconfig file, or the service account where there is none."""
    from_file: Callable[..., None] = sdk_config.load_kube_config
    from_pod: Callable[..., None] = sdk_config.load_incluster_config
    if kubeconfig is not None:
        return from_file(str(kubeconfig), client_configuration=configuration)
    try:
        from_file(client_configuration=configuration)
    except sdk_config.ConfigException:
        # The SDK's own function for both looks for no service account when it is given the file None.
        from_pod(client_configuration=configuration)


def _select(labels: Labels) -> str:
    return ",".join(
        f"{name}={value}" if isinstance(value, str) else f"{name} in ({','.join(value)})"
        for name, value in labels.items()
    )


def _read_explanation(response: Any) -> str:
    text = response.read().decode(errors="replace")
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text.strip() or f"status {response.status}"


@contextmanager
def _translating() -> Iterator[None]:
    try:
        yield
    except sdk_config.ConfigException as error:
        raise ClusterUnavailable(
            f"no cluster is known: {error}; set KUBERNETES_CONFIG to the path of a kubeconfig file"
        ) from error
    except (HTTPError, OSError, ValueError) as error:
        raise ClusterUnavailable(f"the cluster's API server does not answer: {error}") from error
