"""A job with endpoints beside `perform`."""

import random


class JobEntrypoint:
    def perform(self, x: float, y: float) -> float:
        """Add two numbers."""
        return x + y

    def auxiliary_endpoints(self) -> dict:
        return {"/explain": self.explain, "/random": self.draw}

    def explain(self, x: float, y: float) -> dict:
        """Tell which share each number has in the sum."""
        return {"x_importance": x / (x + y), "y_importance": y / (x + y)}

    def draw(self, start: float, end: float) -> float:
        """Draw a number between two others."""
        return random.uniform(start, end)

    def docs_input_examples(self) -> dict:
        return {
            "/perform": {"x": 40, "y": 2},
            "/explain": {"x": 1, "y": 2},
            "/random": {"start": 0, "end": 10},
        }
