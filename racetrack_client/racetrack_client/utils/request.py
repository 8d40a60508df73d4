"""HTTP for the command line and for plugins.

It uses the standard library because a command must start fast: importing httpx takes longer than most commands run.
Plugins import this module: its names are frozen (docs/plugins.md).
"""

import io
import json as json_module
import socket
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPException, HTTPResponse
from typing import Any

from racetrack_client.utils.auth import RT_AUTH_HEADER
from racetrack_client.utils.tls import TlsTrust, describe_refused_certificate

DEFAULT_TIMEOUT_SECONDS = 60.0
_SECRET_HEADERS = {RT_AUTH_HEADER.lower(), "authorization", "cookie"}


class RequestError(RuntimeError):
    """No answer arrived: the server is unreachable, or broke the connection."""


class CertificateRefused(RequestError):
    """The server's certificate can't be trusted."""


class ResponseError(RuntimeError):
    """The answer is an error, or not what was expected."""

    def __init__(self, message: str, status_code: int) -> None:
        super().__init__(message)
        self.status_code = status_code


class EndpointUnknown(ResponseError):
    """The server has no endpoint at this URL, or not for this method."""


@dataclass(frozen=True)
class Response:
    """A complete answer."""

    method: str
    url: str
    status_code: int
    status_reason: str
    headers: Message
    content: bytes

    @property
    def ok(self) -> bool:
        """True if the status is below 400."""
        return self.status_code < 400

    @property
    def text(self) -> str:
        """The body as text."""
        return self.content.decode(self.headers.get_content_charset("utf-8"), errors="replace")

    def is_json(self) -> bool:
        """Return whether the answer's content type is JSON."""
        return self.headers.get_content_type().endswith(("/json", "+json"))

    def json(self) -> Any:
        """Return the decoded JSON body."""
        return json_module.loads(self.content)


OnSent = Callable[[int, int], None]
"""Called with the number of bytes of the body that are sent, and with the number of all."""


class Requests:
    """Requests over HTTP: each method returns the answer whatever its status, and raises RequestError without one."""

    @staticmethod
    def get(url: str, **options: Any) -> Response:
        """Send a GET request; the options are those of `request`."""
        return Requests.request("GET", url, **options)

    @staticmethod
    def post(url: str, **options: Any) -> Response:
        """Send a POST request; the options are those of `request`."""
        return Requests.request("POST", url, **options)

    @staticmethod
    def put(url: str, **options: Any) -> Response:
        """Send a PUT request; the options are those of `request`."""
        return Requests.request("PUT", url, **options)

    @staticmethod
    def delete(url: str, **options: Any) -> Response:
        """Send a DELETE request; the options are those of `request`."""
        return Requests.request("DELETE", url, **options)

    @staticmethod
    def request(  # noqa: PLR0913 plugins call it with these names
        method: str,
        url: str,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        data: bytes | None = None,
        headers: Mapping[str, str | None] | None = None,
        timeout: float | None = DEFAULT_TIMEOUT_SECONDS,
        verify_tls: bool = True,
        on_sent: OnSent | None = None,
        ca_file: str | None = None,
    ) -> Response:
        """Send a request with `json` or with the bytes in `data`; headers of None are left out.

        `ca_file` names a file with authorities that are trusted beside those of this machine.
        """
        request = _build_request(method, url, params, json, data, headers)
        if on_sent is not None and isinstance(request.data, bytes):
            size = len(request.data)
            request.data = _CountedBody(request.data, on_sent)
            request.add_unredirected_header("Content-Length", str(size))
        trust = TlsTrust(not verify_tls, ca_file)
        with _translated_errors(request), _open(request, timeout, trust) as answer:
            return _read(request, answer)

    @staticmethod
    @contextmanager
    def stream_lines(
        url: str,
        headers: Mapping[str, str | None] | None = None,
        timeout: float | None = DEFAULT_TIMEOUT_SECONDS,
        verify_tls: bool = True,
        ca_file: str | None = None,
    ) -> Iterator[Iterator[str]]:
        """Open an answer that arrives line by line; raises ResponseError when the answer is an error."""
        request = _build_request("GET", url, None, None, None, headers)
        with _translated_errors(request):
            answer = _open(request, timeout, TlsTrust(not verify_tls, ca_file))
        with answer:
            if (answer.status or 0) >= 400:
                with _translated_errors(request):
                    parse_response(_read(request, answer), "Response error")
            yield _read_lines(request, answer)


def parse_response(response: Response, error_context: str) -> Any:
    """Return the JSON in an answer, None when it holds none; raises ResponseError when the answer is an error."""
    if not response.ok:
        kind = EndpointUnknown if _is_unknown_endpoint(response) else ResponseError
        raise kind(_describe_error(response, error_context), response.status_code)
    if not response.is_json():
        return None
    try:
        return response.json()
    except ValueError as e:
        raise ResponseError(
            f"{error_context}: the answer says that it is JSON, but is not: {_origin(response)}",
            response.status_code,
        ) from e


def parse_response_object(response: Response, error_context: str) -> dict[str, Any]:
    """Return the JSON object in an answer; raises ResponseError when it holds something else."""
    value = parse_response(response, error_context)
    if not isinstance(value, dict):
        raise _unexpected(response, error_context, "a JSON object")
    return value


def parse_response_list(response: Response, error_context: str) -> list[Any]:
    """Return the JSON list in an answer; raises ResponseError when it holds something else."""
    value = parse_response(response, error_context)
    if not isinstance(value, list):
        raise _unexpected(response, error_context, "a JSON list")
    return value


def _unexpected(response: Response, error_context: str, expected: str) -> ResponseError:
    return ResponseError(
        f"{error_context}: expected {expected}, got {response.headers.get_content_type()} "
        f"with status {response.status_code}: {_origin(response)}",
        response.status_code,
    )


def _describe_error(response: Response, error_context: str) -> str:
    if response.is_json():
        try:
            body = response.json()
        except ValueError:
            body = None
        if isinstance(body, dict) and body.get("error"):
            return f"{error_context}: {response.status_reason}: {_name_kind(body, response)}{body['error']}"
    return (
        f"{error_context}: {response.status_code} {response.status_reason} for url: "
        f"{_origin(response)}"
    )


def _name_kind(body: dict[str, Any], response: Response) -> str:
    # The text of an unexpected exception may be as short as `'b'`; its class makes a sentence of it.
    kind = body.get("type")
    is_named = isinstance(kind, str) and kind not in str(body["error"])
    return f"{kind}: " if response.status_code == 500 and is_named else ""


def _is_unknown_endpoint(response: Response) -> bool:
    # When a service can't find an entity, the body has `error`; an unknown route gets only the framework's `detail`.
    if response.status_code not in (404, 405) or not response.is_json():
        return False
    try:
        body = response.json()
    except ValueError:
        return False
    return isinstance(body, dict) and set(body) == {"detail"}


def is_same_origin(first: str, second: str) -> bool:
    """Return whether two URLs lead to the same server, which may see the same secrets."""
    a, b = urllib.parse.urlsplit(first), urllib.parse.urlsplit(second)
    return (a.scheme, a.netloc) == (b.scheme, b.netloc)


def _origin(response: Response) -> str:
    return f"{response.method} {response.url}"


def _build_request(
    method: str,
    url: str,
    params: Mapping[str, Any] | None,
    json: Any,
    data: bytes | None,
    headers: Mapping[str, str | None] | None,
) -> urllib.request.Request:
    if urllib.parse.urlsplit(url).scheme not in {"http", "https"}:
        raise RequestError(f"'{url}' is not an http or https URL")
    if params:
        url = f"{url}{'&' if '?' in url else '?'}{urllib.parse.urlencode(params)}"
    sent = {"Accept": "application/json, */*", "User-Agent": "racetrack-client"}
    if json is not None:
        data = json_module.dumps(json, default=str).encode()
        sent["Content-Type"] = "application/json; charset=utf-8"
    elif data is not None:
        sent["Content-Type"] = "application/octet-stream"
    sent.update({key: value for key, value in (headers or {}).items() if value is not None})
    return urllib.request.Request(url, data=data, headers=sent, method=method)


def _open(
    request: urllib.request.Request, timeout: float | None, trust: TlsTrust
) -> HTTPResponse | urllib.error.HTTPError:
    handlers: list[urllib.request.BaseHandler] = [_CarefulRedirects()]
    if trust.insecure or trust.ca_file:
        # A redirect may lead from http to https, so the handler is there for both.
        handlers.append(urllib.request.HTTPSHandler(context=trust.make_context()))
    try:
        answer: HTTPResponse = urllib.request.build_opener(*handlers).open(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        # An error status is an answer like any other; the caller decides what it means.
        return error
    return answer


def _read(
    request: urllib.request.Request, answer: HTTPResponse | urllib.error.HTTPError
) -> Response:
    return Response(
        method=request.get_method(),
        url=request.full_url,
        status_code=answer.status or 0,
        status_reason=answer.reason or "",
        headers=answer.headers,
        content=answer.read(),
    )


def _read_lines(
    request: urllib.request.Request, answer: HTTPResponse | urllib.error.HTTPError
) -> Iterator[str]:
    while True:
        # Only reading is translated: the consumer of a line may raise errors of its own.
        with _translated_errors(request):
            line = answer.readline()
        if not line:
            return
        yield line.decode("utf-8", errors="replace").rstrip("\r\n")


@contextmanager
def _translated_errors(request: urllib.request.Request) -> Iterator[None]:
    try:
        yield
    except (OSError, HTTPException) as error:
        raise _request_error(request, error) from error


def _request_error(request: urllib.request.Request, error: Exception) -> RequestError:
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    failed = f"{request.get_method()} {request.full_url} failed"
    if isinstance(cause, ssl.SSLCertVerificationError):
        return CertificateRefused(f"{failed}: {describe_refused_certificate(cause)}")
    text = str(cause) or type(cause).__name__
    hint = ""
    if isinstance(cause, ConnectionRefusedError | socket.gaierror):
        hint = "; is it running, and reachable from here?"
    elif isinstance(cause, ssl.SSLError):
        hint = "; does the server speak HTTPS at this port?"
    return RequestError(f"{failed}: {text}{hint}")


class _CountedBody(io.BytesIO):
    """The body of a request that tells how much of it was read."""

    def __init__(self, content: bytes, on_sent: OnSent) -> None:
        super().__init__(content)
        self._total = len(content)
        self._on_sent = on_sent

    def read(self, size: int | None = -1, /) -> bytes:
        part = super().read(size)
        self._on_sent(self.tell(), self._total)
        return part


class _CarefulRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects without showing a token to another host."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        redirected = super().redirect_request(req, fp, code, msg, headers, newurl)
        if redirected is not None and not is_same_origin(req.full_url, newurl):
            for key in list(redirected.headers):
                if key.lower() in _SECRET_HEADERS:
                    redirected.remove_header(key)
        return redirected
