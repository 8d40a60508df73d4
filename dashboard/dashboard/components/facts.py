"""A list of facts: names with texts, which can be changed in place."""

from nicegui import ui

from dashboard.components.marks import add_time


class Facts:
    """A list of names and values; a value that is empty hides its line."""

    def __init__(self) -> None:
        self._list = ui.element("dl").classes("rt-facts")
        self._lines: dict[str, tuple[ui.element, ui.element]] = {}
        self._values: dict[str, ui.element] = {}

    def show_text(self, name: str, text: str | None, *, is_code: bool = False) -> None:
        """Show a text under a name."""
        if name not in self._values:
            with self.add_line(name):
                self._values[name] = ui.label().classes("rt-mono rt-wrap" if is_code else "")
        label = self._values[name]
        if isinstance(label, ui.label) and label.text != (text or ""):
            label.set_text(text or "")
        self._set_shown(name, bool(text))

    def show_time(self, name: str, seconds: float | None) -> None:
        """Show a time in seconds since 1970 under a name."""
        if name not in self._values:
            with self.add_line(name):
                self._values[name] = add_time(seconds)
        self._values[name].props["data-at"] = str(seconds or 0)

    def add_line(self, name: str) -> ui.element:
        """Add a line; the caller fills the element that is returned."""
        with self._list:
            with ui.element("dt") as term:
                ui.label(name)
            value = ui.element("dd")
        self._lines[name] = (term, value)
        return value

    def _set_shown(self, name: str, is_shown: bool) -> None:
        for element in self._lines[name]:
            element.set_visibility(is_shown)
