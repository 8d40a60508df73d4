"""A fake of the part of GitHub's API that lists releases."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def running_github(repository: str, version: str, file: str, content: bytes) -> Iterator[str]:
    """Serve one release with one file while the block runs; yield the URL of the API."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = f"http://{self.headers['Host']}/download/{file}"
            releases = [
                {
                    "name": version,
                    "tag_name": version,
                    "assets": [{"browser_download_url": url, "url": url}],
                }
            ]
            answers = {
                f"/repos/{repository}/releases": json.dumps(releases).encode(),
                f"/download/{file}": content,
            }
            body = answers.get(self.path.partition("?")[0])
            self.send_response(404 if body is None else 200)
            is_file = self.path.startswith("/download/")
            self.send_header("Content-Type", "application/zip" if is_file else "application/json")
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None:
            """Keep the output of tests clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
