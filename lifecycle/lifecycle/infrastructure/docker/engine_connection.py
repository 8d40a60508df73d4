"""The connection to the Docker engine, which turns the SDK's errors into EngineUnavailable and EngineRefusal."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import docker
from docker.errors import APIError, DockerException
from racetrack_client.log.errors import ServiceUnavailable
from requests.exceptions import RequestException

NOT_FOUND, CONFLICT = 404, 409
_TIMEOUT_SECONDS = 60
Answer = TypeVar("Answer")


class EngineUnavailable(ServiceUnavailable):
    """The Docker engine does not answer, so it is not known which containers it runs."""


class EngineRefusal(Exception):
    """The Docker engine answered, but refused the request; the message is the engine's own."""

    def __init__(self, status_code: int, explanation: str) -> None:
        super().__init__(explanation)
        self.status_code = status_code


class EngineConnection:
    """A client of one engine, which connects at its first use; several threads may use it."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._lock = threading.Lock()
        self._client: docker.APIClient | None = None

    @contextmanager
    def calling(self, *tolerated: int) -> Iterator[docker.APIClient]:
        """Give the client to a `with` block, in which the SDK's errors become EngineUnavailable and EngineRefusal.

        The block ends without an error when the engine refuses with one of the tolerated status codes.
        """
        try:
            with self._translating():
                yield self._connect()
        except EngineRefusal as refusal:
            if refusal.status_code not in tolerated:
                raise

    def ask(
        self, question: Callable[[docker.APIClient], Answer], otherwise: Answer, *tolerated: int
    ) -> Answer:
        """Return the answer to a question; `otherwise` when the engine refuses with a tolerated status code."""
        try:
            with self._translating():
                return question(self._connect())
        except EngineRefusal as refusal:
            if refusal.status_code not in tolerated:
                raise
            return otherwise

    def make_another(self) -> "EngineConnection":
        """Return another connection to the same engine, for streams; the caller closes it."""
        return EngineConnection(self.address)

    def close(self) -> None:
        """Close the connection; its next use opens it again."""
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None

    def _connect(self) -> docker.APIClient:
        with self._lock:
            if self._client is None:
                self._client = docker.APIClient(
                    self.address, version="auto", timeout=_TIMEOUT_SECONDS
                )
            return self._client

    @contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            yield
        except APIError as error:
            explanation = error.explanation or str(error)
            raise EngineRefusal(error.status_code or 500, explanation) from error
        except (DockerException, RequestException, OSError) as error:
            raise EngineUnavailable(
                f"the Docker engine at {self.address} does not answer: {error}"
            ) from error
