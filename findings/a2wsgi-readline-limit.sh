#!/usr/bin/env bash
# a2wsgi 1.10.10: `readline(limit)` of `wsgi.input` takes only what earlier reads left in the buffer, and receives nothing itself.
# One expects the first line of the body; WSGI says that an empty read is the end of the input.
# What happens: the first `readline(100)` gives b'' although the whole body is pending, so a parser that bounds its lines sees no body.
# Instead: call `readline()` without a limit, or read the body with `read()` and take lines from an `io.BytesIO` of it.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile a2wsgi==1.10.10 uvicorn==0.54.0

"$folder/venv/bin/python" - <<'PYTHON'
import socket
import threading
import urllib.request

import uvicorn
from a2wsgi import WSGIMiddleware

reads = []


def application(environ, start_response):
    body = environ["wsgi.input"]
    reads.extend([body.readline(100), body.readline(), body.read()])
    start_response("204 No Content", [])
    return []


listener = socket.create_server(("127.0.0.1", 0))
port = listener.getsockname()[1]
server = uvicorn.Server(uvicorn.Config(WSGIMiddleware(application), log_level="warning"))
thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
thread.start()
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
opener.open(f"http://127.0.0.1:{port}/", data=b"first\nsecond\n", timeout=20).close()
server.should_exit = True
thread.join(20)

print("readline(100), readline(), read() gave", reads)
assert reads == [b"", b"first\n", b"second\n"], "the behaviour changed"
PYTHON
