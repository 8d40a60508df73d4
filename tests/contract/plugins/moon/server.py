"""What stands for a job: answers a call with the environment that it was given."""

import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    last_call = 0.0

    def do_GET(self):
        if self.path == "/metrics":
            self.answer(f"last_call_timestamp {Handler.last_call}\n", "text/plain")
        elif self.path in ("/live", "/ready"):
            timestamp = int(os.environ["JOB_DEPLOYMENT_TIMESTAMP"])
            self.answer(json.dumps({"live": True, "deployment_timestamp": timestamp}))
        else:
            self.answer("{}", status=404)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        print(f"called with {body.decode()}", flush=True)
        Handler.last_call = time.time()
        shown = {key: value for key, value in os.environ.items() if key != "AUTH_TOKEN"}
        self.answer(json.dumps(shown | {"HAS_TOKEN": "AUTH_TOKEN" in os.environ}))

    def answer(self, text, content_type="application/json", status=200):
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *args):
        pass


print("the moon rises", flush=True)
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
