"""Forwarding of HTTP calls: body and answer stream, and a truncated answer never looks complete."""

import time
from dataclasses import dataclass, field

from racetrack_client.log.logs import get_logger
from racetrack_commons.auth.cookies import SAFE_METHODS

from pub.metrics import PubMetrics
from pub.proxy.call import Call
from pub.proxy.caller import CallerBody, CallerDisconnected, DisconnectWatcher
from pub.proxy.connect import Connected, JobConnector
from pub.proxy.cookies import read_header
from pub.proxy.headers import HeaderRules, job_target
from pub.proxy.upstream import UpstreamClient, UpstreamError, UpstreamRequest, UpstreamResponse
from pub.routing.route import Route

logger = get_logger(__name__)


@dataclass(frozen=True)
class HttpForwarder:
    """Forwards HTTP calls to their jobs."""

    connector: JobConnector
    upstream: UpstreamClient
    rules: HeaderRules
    metrics: PubMetrics
    disconnects: DisconnectWatcher = field(default_factory=DisconnectWatcher)

    async def forward(self, call: Call) -> None:
        """Forward a call and stream the answer; raise CallFailed when the job can't answer."""
        started = time.perf_counter()
        route = await self.connector.authorize(call.route_query)
        self.metrics.count_for("pub_job_proxy_requests", route.name, route.version)
        self.metrics.tally.note(route.name, route.version, route.caller, call.job.path)
        body = CallerBody(call.receive)
        try:
            with self.disconnects.watch(body):
                connected = await self._send(call, route, body)
                end = await self._answer(call, connected)
        except CallerDisconnected:
            self.metrics.count("pub_job_proxy_context_canceled_errors")
            end = "- the caller left"
        finally:
            self.metrics.note_call(route.name, route.version, time.perf_counter() - started)
        logger.info(f"{call} {end} {route.caller or '-'}", extra={"id": call.tracing_id})

    async def _send(
        self, call: Call, route: Route, body: CallerBody
    ) -> Connected[UpstreamResponse]:
        await body.open(is_present=_has_body(call))
        content = body.content()
        self.metrics.count_for("pub_job_proxy_requests_started", route.name, route.version)

        async def send(route: Route, address: str) -> UpstreamResponse:
            headers = self.rules.show_secret(self.rules.to_job(call, route), route)
            request = UpstreamRequest(call.method, job_target(call, route), headers, content)
            try:
                return await self.upstream.send(address, request)
            except UpstreamError:
                # A caller that disconnects inside its body breaks the connection to the job, too: blame the caller.
                body.check_connected()
                raise

        is_repeatable = call.method in SAFE_METHODS and isinstance(content, bytes | None)
        return await self.connector.connect(
            call.route_query, route, send, is_repeatable=is_repeatable
        )

    async def _answer(self, call: Call, connected: Connected[UpstreamResponse]) -> str:
        """Stream the answer to the caller; return the status and, if the answer broke off, a remark for the log."""
        response, route = connected.opened, connected.route
        status = str(response.status)
        self.metrics.count_for("pub_job_proxy_response_codes", route.name, route.version, status)
        headers = self.rules.to_caller(response, connected.address, call.tracing_id)
        try:
            await call.send(
                {"type": "http.response.start", "status": response.status, "headers": headers}
            )
            is_whole = False
            while not is_whole:
                chunk, is_whole = await response.read()
                await call.send(
                    {"type": "http.response.body", "body": chunk, "more_body": not is_whole}
                )
        except UpstreamError:
            # Returning before the end of the body makes the server drop the caller's connection.
            self.metrics.count("pub_job_proxy_errors")
            self.metrics.count("pub_job_proxy_connection_broken_errors")
            return f"{status}, the answer broke off, the caller's connection is dropped"
        finally:
            response.close()
        return status


def _has_body(call: Call) -> bool:
    length = read_header(call.headers, b"content-length")
    return length not in ("", "0") or bool(read_header(call.headers, b"transfer-encoding"))
