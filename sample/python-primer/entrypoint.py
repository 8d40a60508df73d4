"""Tells primes."""

import math


class JobEntrypoint:
    def perform(self, number: int) -> bool:
        """Tell whether a number is prime."""
        return number > 1 and all(number % divisor for divisor in range(2, math.isqrt(number) + 1))

    def docs_input_example(self) -> dict:
        return {"number": 7907}
