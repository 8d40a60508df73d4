"""A job of the standard library alone: it starts quickly, and goes wrong when it is told to."""

TINY_JOB = """
import http.server, json, os, signal, sys, time

if os.environ.get("END_WITH"):
    print("model is missing", flush=True)
    sys.exit(int(os.environ["END_WITH"]))
if os.environ.get("DEAF"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
else:
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
print("serving", os.environ.get("COLOUR"), flush=True)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path, _, argument = self.path.partition("?")
        if path == "/end":
            print("told to end", flush=True)
            os._exit(int(argument))
        if path == "/eat":
            bytes(int(argument)).replace(bytes(1), b"x")
        if path == "/say":
            print(argument, flush=True)
        live = {"live": True, "deployment_timestamp": int(os.environ["JOB_DEPLOYMENT_TIMESTAMP"])}
        self.answer(dict(os.environ) if path == "/environment" else live)

    def answer(self, content):
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
"""
"""Arguments: host and port. Variables: END_WITH (an exit code), DEAF (to SIGTERM), COLOUR (is logged).

Paths: /end?<exit code>, /eat?<bytes>, /say?<a line for the log>, /environment; all others answer as /live does.
"""
