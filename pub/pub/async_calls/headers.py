"""Headers of async calls as they are kept: one text for each name, its values divided by line feeds."""

from collections.abc import Iterable


def fold(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Put the values of each name together; no value can hold a line feed."""
    folded: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        folded[key] = f"{folded[key]}\n{value}" if key in folded else value
    return folded


def unfold(folded: dict[str, str]) -> list[tuple[str, str]]:
    """Take the values apart again."""
    return [(name, value) for name, values in folded.items() for value in values.split("\n")]
