"""Variables of build and run time, plain and secret, and a requirement."""

import os
import random

import humanize


class JobEntrypoint:
    def __init__(self) -> None:
        self.model = os.environ["TORCH_MODEL_ZOO"]

    def perform(self) -> dict:
        """Show which variables a running job sees: secrets of the build are empty here."""
        names = ("GIT_USERNAME", "GIT_TOKEN", "DEBIAN_FRONTEND", "PGPASSWD", "TORCH_MODEL_ZOO")
        seen = {name: os.environ.get(name) for name in names}
        return {
            "model": self.model,
            "result": random.random(),
            "size": humanize.naturalsize(1024),
        } | seen

    def docs_input_example(self) -> dict:
        return {}
