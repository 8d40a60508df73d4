"""A job whose pages attack their visitors; without the attacks, it is any job with pages and a WebSocket."""

from pathlib import Path

PAGE = Path(__file__).with_name("page.html").read_bytes()
HEADERS = {
    "/worker.js": [(b"content-type", b"text/javascript"), (b"service-worker-allowed", b"/")],
    "/clear": [
        (b"clear-site-data", b'"cookies"'),
        (b"set-cookie", b"racetrack_jobs=; Max-Age=0; Path=/pub"),
        (b"set-cookie", b"X-Racetrack-Auth=stolen; Path=/"),
        (b"set-cookie", b"racetrack_panel=stolen; Path=/lifecycle/admin"),
        (b"set-cookie", b"of_the_job=1; Path=/"),
    ],
}


class Job:
    def __init__(self):
        self.calls = 0

    def perform(self) -> int:
        """Count the calls."""
        self.calls += 1
        return self.calls

    def webview_app(self, base_url: str):
        async def app(scope, receive, send):
            if scope["type"] == "websocket":
                await receive()
                await send({"type": "websocket.accept"})
                await send({"type": "websocket.send", "text": "opened"})
                await receive()
                return
            path = "/" + scope["path"].removeprefix(base_url).strip("/")
            headers = HEADERS.get(path, [(b"content-type", b"text/html")])
            body = b"" if path in HEADERS else PAGE
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body})

        return app
