"""Connections to jobs whose other side has proven, before it gets a call, that it knows the secret of the instance.

Any program of the machine may listen at the port of a job that has just died. It would get the body of a call, and its
answer would look like that of the job.
"""

from typing import Any
from weakref import WeakKeyDictionary

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.tracing import Trace
from multidict import istr
from racetrack_commons.auth.instance_proof import (
    CHALLENGE_HEADER,
    PROOF_HEADER,
    SECRET_HEADER,
    is_proof,
    make_challenge,
)
from yarl import URL

_SECRET_NAME = istr(SECRET_HEADER)
LONGEST_ANSWER_BYTES = 1024 * 1024


class Unproven(aiohttp.ClientConnectionError):
    """A program without the secret of the job listens at the address of the job."""


class NotProvenYet(aiohttp.ClientConnectionError):
    """The connection ended before the proof."""


class ProvenConnector(aiohttp.TCPConnector):
    """Opens connections; one for a request that shows a secret is used only once its other side has proven to know it.

    A connection leads to the same process for its whole life, so one proof is enough for all its calls.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._proven: WeakKeyDictionary[ResponseHandler, str] = WeakKeyDictionary()

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the signature of the library
    ) -> Connection:
        """Return a new or pooled connection; raise Unproven, or NotProvenYet when the connection ended."""
        connection = await super().connect(req, traces, timeout)
        secret, protocol = req.headers.get(_SECRET_NAME), connection.protocol
        if secret is None or protocol is None or self._proven.get(protocol) == secret:
            return connection
        try:
            await _check_proof(protocol, req.url, secret)
        except BaseException:
            connection.close()
            raise
        self._proven[protocol] = secret
        return connection


async def _check_proof(protocol: ResponseHandler, url: URL, secret: str) -> None:
    """Ask for a proof on a connection; raise Unproven when it is wrong, NotProvenYet when the connection ends before it."""
    try:
        await _ask_for_proof(protocol, url, secret)
    except Unproven:
        raise
    except HttpProcessingError as error:
        raise Unproven from error  # It does not even speak HTTP.
    except (OSError, aiohttp.ClientError) as error:
        raise NotProvenYet from error


async def _ask_for_proof(protocol: ResponseHandler, url: URL, secret: str) -> None:
    """Ask for `/live`; raise Unproven unless the answer holds the proof, and further errors of the connection."""
    challenge = make_challenge()
    protocol.set_response_params(read_until_eof=True, auto_decompress=False)
    if protocol.transport is None:
        raise NotProvenYet
    head = f"GET /live HTTP/1.1\r\nHost: {url.authority}\r\n{CHALLENGE_HEADER}: {challenge}\r\n\r\n"
    protocol.transport.write(head.encode())
    message, body = await protocol.read()
    proof = message.headers.get(PROOF_HEADER, "")
    if not is_proof(proof, secret, challenge, url.port or 80):
        raise Unproven
    size = 0
    while not body.at_eof():
        size += len(await body.readany())
        if size > LONGEST_ANSWER_BYTES:
            raise Unproven
    if protocol.should_close:
        raise NotProvenYet  # The proof would count for no call.
