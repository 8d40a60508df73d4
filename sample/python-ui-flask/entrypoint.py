"""A job with web pages, made with Flask."""

from flask import Flask, jsonify, render_template, request


class JobEntrypoint:
    def perform(self, numbers: list[float]) -> float:
        """Add numbers."""
        return sum(numbers)

    def docs_input_example(self) -> dict:
        return {"numbers": [40, 2]}

    def webview_app(self, base_url: str) -> Flask:
        """Make the pages; routes begin with the base URL. The platform itself serves the files in `static/`."""
        app = Flask(__name__, static_folder=None)

        @app.get(f"{base_url}/")
        def index():
            return render_template("index.html", base_url=base_url)

        @app.post(f"{base_url}/postme")
        def postme():
            return jsonify({"hello": request.get_json()})

        @app.get(f"{base_url}/describe")
        def describe():
            return {"module": __name__, "pages": ["/", "/postme", "/describe"]}

        return app
