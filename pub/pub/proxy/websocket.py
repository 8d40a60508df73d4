"""Forwarding of WebSockets: authorized once, then messages pass both ways until either side closes."""

import asyncio
from dataclasses import dataclass

import aiohttp
from racetrack_client.log.logs import get_logger

from pub.metrics import PubMetrics
from pub.proxy.call import Call
from pub.proxy.connect import Connected, JobConnector
from pub.proxy.errors import no_websocket
from pub.proxy.headers import HeaderRules, job_target
from pub.proxy.upstream import HandshakeRefused, UpstreamClient
from pub.routing.route import Route

logger = get_logger(__name__)
WebSocket = aiohttp.ClientWebSocketResponse
# Close codes that mean "no code was sent"; neither side may send them.
_UNSENDABLE = {1005, 1006, 1015}
_GOING_AWAY = 1001
_INTERNAL_ERROR = 1011
_TOO_BIG = 1009


@dataclass(frozen=True)
class WebSocketForwarder:
    """Forwards WebSockets to their jobs."""

    connector: JobConnector
    upstream: UpstreamClient
    rules: HeaderRules
    metrics: PubMetrics

    async def forward(self, call: Call) -> None:
        """Open the job's WebSocket, then accept the caller's; raise CallFailed when the job accepts none."""
        await call.receive()  # the request to connect
        route = await self.connector.authorize(call.route_query)
        labels = (route.name, route.version)
        self.metrics.count_for("pub_job_proxy_requests", *labels)
        self.metrics.tally.note(*labels, route.caller, call.job.path)
        self.metrics.count_for("pub_job_proxy_requests_started", *labels)
        try:
            connected = await self._open(call, route)
            self.metrics.count_for("pub_job_proxy_response_codes", *labels, "101")
            await _serve_both(call, connected.opened, self.upstream.max_message_bytes)
        except HandshakeRefused as refusal:
            self.metrics.count_for("pub_job_proxy_response_codes", *labels, str(refusal.status))
            raise no_websocket(route, refusal.status) from refusal
        finally:
            self.metrics.count_for("pub_job_proxy_requests_done", *labels)
        logger.info(f"{call} 101 {route.caller or '-'}", extra={"id": call.tracing_id})

    async def _open(self, call: Call, route: Route) -> Connected[WebSocket]:
        async def open_socket(route: Route, address: str) -> WebSocket:
            headers = [
                (name, value)
                for name, value in self.rules.show_secret(self.rules.to_job(call, route), route)
                if not name.startswith("sec-websocket-")
            ]
            return await self.upstream.open_websocket(
                address, job_target(call, route), headers, call.scope.get("subprotocols", [])
            )

        return await self.connector.connect(
            call.route_query, route, open_socket, is_repeatable=True
        )


async def _serve_both(call: Call, socket: WebSocket, most_bytes: int) -> None:
    headers = [(call.tracing_header.lower().encode(), call.tracing_id.encode())]
    try:
        await call.send(
            {"type": "websocket.accept", "subprotocol": socket.protocol, "headers": headers}
        )
        await _exchange(call, socket, most_bytes)
    except OSError:
        pass  # The caller disconnected without a close frame; the server raises at the next message to it.
    finally:
        await socket.close(code=_GOING_AWAY)


async def _exchange(call: Call, socket: WebSocket, most_bytes: int) -> None:
    """Pass messages both ways until one side closes; then close the other side."""
    to_job = asyncio.create_task(_pass_to_job(call, socket))
    to_caller = asyncio.create_task(_pass_to_caller(call, socket, most_bytes))
    tasks = (to_job, to_caller)
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _pass_to_job(call: Call, socket: WebSocket) -> None:
    while True:
        message = await call.receive()
        if message["type"] == "websocket.disconnect":
            code = message.get("code") or _GOING_AWAY
            reason = (message.get("reason") or "").encode()
            await socket.close(code=_sendable(code, _GOING_AWAY), message=reason)
            return
        try:
            if (text := message.get("text")) is not None:
                await socket.send_str(text)
            else:
                await socket.send_bytes(message["bytes"])
        except ConnectionError:
            return


async def _pass_to_caller(call: Call, socket: WebSocket, most_bytes: int) -> None:
    reason = ""
    while True:
        message = await socket.receive()
        if message.type is aiohttp.WSMsgType.TEXT:
            await call.send({"type": "websocket.send", "text": message.data})
        elif message.type is aiohttp.WSMsgType.BINARY:
            await call.send({"type": "websocket.send", "bytes": message.data})
        else:
            if message.type is aiohttp.WSMsgType.CLOSE:
                reason = message.extra or ""
            elif socket.close_code == _TOO_BIG:
                reason = f"a message of the job exceeds the gateway's limit of {most_bytes} bytes"
            code = _sendable(socket.close_code, _INTERNAL_ERROR)
            await call.send({"type": "websocket.close", "code": code, "reason": reason})
            return


def _sendable(code: int | None, instead: int) -> int:
    return instead if code is None or code in _UNSENDABLE else code
