"""The smallest useful job: a class with perform()."""


class AdderModel:
    def perform(self, numbers: list[float]) -> float:
        """Add numbers."""
        return sum(numbers)

    def docs_input_example(self) -> dict:
        """The platform calls this example before a version goes live."""
        return {"numbers": [40, 2]}
