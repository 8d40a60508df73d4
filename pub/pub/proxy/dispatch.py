"""The entrance of the gateway: a raw ASGI app that forwards job calls and leaves all other requests to FastAPI."""

from racetrack_client.log.logs import get_logger
from racetrack_commons.api.turns import Turns, read_address
from starlette.types import ASGIApp, Receive, Scope, Send

from pub.config import PubConfig
from pub.metrics import PubMetrics
from pub.proxy.call import Call, read_call
from pub.proxy.errors import CallFailed, Headers, broken, explain, overloaded
from pub.proxy.forward import HttpForwarder
from pub.proxy.login_page import is_for_browser, render_failure
from pub.proxy.websocket import WebSocketForwarder

logger = get_logger(__name__)


class Proxy:
    """Forwards job calls, and answers those that fail; `other` is the app of all other requests."""

    def __init__(
        self,
        other: ASGIApp,
        http: HttpForwarder,
        websocket: WebSocketForwarder,
        config: PubConfig,
        metrics: PubMetrics,
    ) -> None:
        self._other = other
        self._refusals = Turns()
        self._http = http
        self._websocket = websocket
        self._config = config
        self._metrics = metrics
        self._calls = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as the ASGI server calls it."""
        call = None
        if scope["type"] in ("http", "websocket"):
            call = read_call(scope, receive, send, self._config)
        if call is None:
            await self._other(scope, receive, send)
            return
        self._calls += 1
        try:
            await self._forward_or_refuse(call)
        finally:
            self._calls -= 1

    async def _forward_or_refuse(self, call: Call) -> None:
        try:
            if self._calls > self._config.max_concurrent_calls:
                raise overloaded()
            forwarder = self._http if call.scope["type"] == "http" else self._websocket
            await forwarder.forward(call)
        except CallFailed as failure:
            await self._fail(call, explain(failure, call))
        except Exception:
            self._metrics.count("pub_panic_errors")
            logger.exception(f"{call} failed", extra={"id": call.tracing_id})
            # Once an answer has begun, this send raises and the server drops the connection: the caller sees a broken answer.
            await self._fail(call, broken())

    async def _fail(self, call: Call, failure: CallFailed) -> None:
        if failure.status != 404:
            self._metrics.count("pub_job_proxy_request_errors")
        if failure.status == 401 and not failure.is_caller_known:
            # Beyond the most that wait, refusals are answered at once.
            await self._refusals.wait(read_address(call.scope))
        logger.info(f"{call} {failure.status} {failure.error}", extra={"id": call.tracing_id})
        is_page = is_for_browser(call)
        headers, body = render_failure(call, failure) if is_page else failure.render(call)
        await _send_answer(call, failure.status, headers, body)


async def _send_answer(call: Call, status: int, headers: Headers, body: bytes) -> None:
    kind = "http.response"
    if call.scope["type"] == "websocket":
        kind = "websocket.http.response"
        if kind not in (call.scope.get("extensions") or {}):
            await call.send({"type": "websocket.close"})
            return
    await call.send({"type": f"{kind}.start", "status": status, "headers": headers})
    await call.send({"type": f"{kind}.body", "body": body})
