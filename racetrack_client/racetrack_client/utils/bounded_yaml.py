"""Reading YAML of strangers: the text, the values that aliases make of it, and their depth have limits."""

from collections.abc import Iterator
from typing import Any

import yaml

from racetrack_client.log.errors import ValidationError

MAX_BYTES = 256 * 1024
"""The largest text that is read, and the most characters that its values may have when aliases are expanded."""
MAX_VALUES = 10_000
"""The most keys and values, each counted as often as aliases repeat it."""
MAX_DEPTH = 100
_MAX_NUMBER_LENGTH = 1000
"""Longer numbers take long to compute with, and no JSON holds them."""
_TEXT_TAG = "tag:yaml.org,2002:str"


class TooLargeYaml(yaml.YAMLError):
    """The document is larger than any that a person writes; the message names the limit."""


def load_bounded_yaml(text: str) -> Any:
    """Return the value in a YAML document; raise YAMLError when it is wrong, TooLargeYaml when it exceeds a limit."""
    size = len(text.encode(errors="replace"))
    if size > MAX_BYTES:
        raise TooLargeYaml(f"the text has {size} bytes, at most {MAX_BYTES} are allowed")
    loader = _BoundedLoader(text)
    try:
        return loader.get_single_data()
    except (
        ValueError
    ) as error:  # Such as a date in month 13: the library does not make it an error of its own.
        raise yaml.YAMLError(f"a value can't be read: {error}") from error
    finally:
        loader.dispose()


def check_extent(value: Any) -> None:
    """Refuse a value that could not be read as YAML again; raise ValidationError, which names the limit."""
    try:
        extent = _Extent()
        for each, depth in _walk(value):
            extent.add(1, len(each) if isinstance(each, str) else 0)
            extent.check_depth(depth)
    except TooLargeYaml as error:
        raise ValidationError(str(error)) from error


class _Extent:
    """The number of values so far, and of their characters."""

    def __init__(self) -> None:
        self.values = 0
        self.characters = 0

    def add(self, values: int, characters: int) -> None:
        """Count some values; raise TooLargeYaml when there are too many."""
        self.values += values
        self.characters += characters
        if self.values > MAX_VALUES:
            raise TooLargeYaml(
                f"there are more than {MAX_VALUES} keys and values, those that aliases repeat included"
            )
        if self.characters > MAX_BYTES:
            raise TooLargeYaml(
                f"the values have more than {MAX_BYTES} characters, those that aliases repeat included"
            )

    def check_depth(self, depth: int) -> None:
        """Raise TooLargeYaml when values are nested too deeply."""
        if depth > MAX_DEPTH:
            raise TooLargeYaml(f"values are nested more than {MAX_DEPTH} levels deep")


class _BoundedLoader(yaml.SafeLoader):
    """Counts values while it reads them, so that a document beyond the limits ends early."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._extent = _Extent()
        self._depth = 0
        self._anchored: dict[str, tuple[int, int]] = {}
        """The values and characters below each anchor that is complete."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Compose a value and all below it."""
        event: yaml.NodeEvent = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent):
            self._count_alias(event)
            return super().compose_node(parent, index)
        values, characters = self._extent.values, self._extent.characters
        self._extent.add(1, len(event.value) if isinstance(event, yaml.ScalarEvent) else 0)
        self._depth += 1
        self._extent.check_depth(self._depth)
        node = super().compose_node(parent, index)
        self._depth -= 1
        if event.anchor is not None:
            added = (self._extent.values - values, self._extent.characters - characters)
            self._anchored[event.anchor] = added
        _check_scalar(node)
        return node

    def _count_alias(self, event: yaml.AliasEvent) -> None:
        if event.anchor in self._anchored:
            self._extent.add(*self._anchored[event.anchor])
        elif event.anchor in self.anchors:
            raise yaml.YAMLError(f"alias {event.anchor!r} repeats the value that it is a part of")


def _check_scalar(node: yaml.Node | None) -> None:
    if not isinstance(node, yaml.ScalarNode) or node.tag == _TEXT_TAG:
        return
    if len(node.value) > _MAX_NUMBER_LENGTH:
        raise TooLargeYaml(
            f"a number has more than {_MAX_NUMBER_LENGTH} characters; put it in quotes if it is a text"
        )


def _walk(value: Any) -> Iterator[tuple[Any, int]]:
    """Yield a value and all keys and values below it, each with its depth."""
    waiting = [(value, 1)]
    while waiting:
        each, depth = waiting.pop()
        yield each, depth
        if isinstance(each, dict):
            waiting += [(item, depth + 1) for pair in each.items() for item in pair]
        elif isinstance(each, list | tuple):
            waiting += [(item, depth + 1) for item in each]
