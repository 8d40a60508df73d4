"""The gateway as an ASGI app: it forwards WebSockets of jobs and leaves all other requests to FastAPI.

Other calls of jobs never get here: the data plane forwards them.
"""

from racetrack_client.log.logs import get_logger
from starlette.types import ASGIApp, Receive, Scope, Send

from pub.config import PubConfig
from pub.metrics import PubMetrics
from pub.proxy.call import Call, read_call
from pub.proxy.errors import CallFailed, broken, overloaded
from pub.proxy.refusals import Refusal, Refusals
from pub.proxy.websocket import WebSocketForwarder

logger = get_logger(__name__)


class Proxy:
    """Forwards WebSockets of jobs, and answers those that fail; `other` is the app of all other requests."""

    def __init__(
        self,
        other: ASGIApp,
        websocket: WebSocketForwarder,
        refusals: Refusals,
        config: PubConfig,
        metrics: PubMetrics,
    ) -> None:
        self._other = other
        self._websocket = websocket
        self._refusals = refusals
        self._config = config
        self._metrics = metrics
        self._calls = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as the ASGI server calls it."""
        call = None
        if scope["type"] == "websocket":
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
            await self._websocket.forward(call)
        except CallFailed as failure:
            await _send_refusal(call, await self._refusals.answer(call, failure))
        except Exception:
            self._metrics.count("pub_panic_errors")
            logger.exception(f"{call} failed", extra={"id": call.tracing_id})
            # Once the WebSocket is open, this send raises and the server drops the connection.
            await _send_refusal(call, await self._refusals.answer(call, broken()))


async def _send_refusal(call: Call, refusal: Refusal) -> None:
    kind = "websocket.http.response"
    if kind not in (call.scope.get("extensions") or {}):
        await call.send({"type": "websocket.close"})
        return
    await call.send({"type": f"{kind}.start", "status": refusal.status, "headers": refusal.headers})
    await call.send({"type": f"{kind}.body", "body": refusal.body})
