"""The answers of the gateway itself to calls that fail: in JSON for programs, as pages for browsers."""

from dataclasses import dataclass
from http import HTTPStatus

from racetrack_client.log.logs import get_logger
from racetrack_commons.api.turns import Turns, read_address

from pub.metrics import PubMetrics
from pub.proxy.call import Call
from pub.proxy.errors import CallFailed, Headers, explain
from pub.proxy.login_page import is_for_browser, render_failure

logger = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer of the gateway itself."""

    status: int
    headers: Headers
    body: bytes

    def render_head(self, date: bytes, *, is_last: bool) -> bytes:
        """Return the head in bytes; `is_last` tells that no further request is read from the connection."""
        phrase = HTTPStatus(self.status).phrase.encode()
        lines = [b"HTTP/1.1 %d %b" % (self.status, phrase), b"date: " + date]
        lines += [b"%b: %b" % each for each in self.headers if each[0] != b"connection"]
        if is_last:
            lines.append(b"connection: close")
        return b"\r\n".join([*lines, b"", b""])


class Refusals:
    """Makes the answers to calls that fail; those to strangers take turns."""

    def __init__(self, metrics: PubMetrics) -> None:
        self._metrics = metrics
        self._turns = Turns()

    async def answer(self, call: Call, failure: CallFailed) -> Refusal:
        """Return the answer to a call that failed, once it is its turn."""
        failure = explain(failure, call)
        if failure.status != 404:
            self._metrics.count("pub_job_proxy_request_errors")
        if failure.status == 401 and not failure.is_caller_known:
            # Beyond the most that wait, refusals are answered at once.
            await self._turns.wait(read_address(call.scope))
        logger.info(f"{call} {failure.status} {failure.error}", extra={"id": call.tracing_id})
        is_page = is_for_browser(call)
        headers, body = render_failure(call, failure) if is_page else failure.render(call)
        return Refusal(failure.status, headers, body)
