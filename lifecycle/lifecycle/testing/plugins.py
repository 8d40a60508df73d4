"""A fake plugin engine."""

from collections.abc import Callable
from typing import Any


class FakePlugins:
    """Remembers which hooks were called; `on_hook` may raise."""

    def __init__(self) -> None:
        self.hooks: list[str] = []
        self.on_hook: Callable[[str], None] = lambda _: None

    def invoke_plugin_hook(self, hook: Any, *args: Any, **kwargs: Any) -> list[Any]:
        """Note the call."""
        self.hooks.append(hook.__name__)
        self.on_hook(hook.__name__)
        return []
