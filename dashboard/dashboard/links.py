"""Links to pages of the dashboard. NiceGUI's `ui.link` would put the base path before a path that has it already."""

from nicegui.elements.mixins.text_element import TextElement


class PageLink(TextElement):
    """A link to a path that `make_path` made; with an empty text, it is filled like any element."""

    def __init__(self, text: str, path: str) -> None:
        super().__init__(tag="a", text=text)
        self._props["href"] = path
