"""The project's own documentation: which pages there are, and their Markdown with links that lead to pages of the dashboard."""

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dashboard.visit import make_path
from dashboard.web.session import BASE_PATH

SOURCE_DOCS = Path(__file__).parents[4] / "docs"
IMAGES_PATH = "/docs-images"
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
_HEADING = re.compile(r"(#{1,3}) +(.+)")
_SEPARATOR = "~"


@dataclass(frozen=True)
class Heading:
    """A heading of a page."""

    level: int
    text: str
    anchor: str


@dataclass(frozen=True)
class Manual:
    """A folder with Markdown files; no other file can be read."""

    folder: Path

    def list_pages(self) -> dict[str, str]:
        """List the titles of all pages by their names."""
        paths = sorted(self.folder.rglob("*.md"))
        return {self._name(path): _read_title(path) for path in paths}

    def find_text(self, name: str) -> str | None:
        """Return the Markdown of a page, with links that lead on; None if there is no such page."""
        known = {self._name(path): path for path in self.folder.rglob("*.md")}
        if name not in known:
            return None
        place = PurePosixPath(known[name].relative_to(self.folder).as_posix()).parent
        return rewrite_links(known[name].read_text(encoding="utf-8"), place, set(known))

    def _name(self, path: Path) -> str:
        relative = path.relative_to(self.folder).with_suffix("").as_posix()
        return relative.replace("/", _SEPARATOR)


def rewrite_links(text: str, place: PurePosixPath, pages: set[str]) -> str:
    """Return Markdown whose relative links lead to pages and images of the manual; others become plain text."""

    def rewrite(match: re.Match[str]) -> str:
        mark, label, target = match.groups()
        if target.startswith(("http://", "https://")):
            return label if mark else match.group()
        if target.startswith("#"):
            return match.group()
        path, _, anchor = target.partition("#")
        found = _resolve(place, path)
        if mark or found.startswith("images/"):
            image = found.removeprefix("images/")
            return f"{mark}[{label}]({BASE_PATH}{IMAGES_PATH}/{image})"
        page = found.removesuffix(".md").replace("/", _SEPARATOR)
        if page not in pages:
            return label
        return f"[{label}]({make_path('docs', page)}{'#' if anchor else ''}{anchor})"

    lines, is_code = [], False
    for line in text.splitlines():
        is_code ^= line.lstrip().startswith("```")
        lines.append(line if is_code else _LINK.sub(rewrite, line))
    return "\n".join(lines)


def list_headings(text: str) -> list[Heading]:
    """List the headings of a page in order, with the anchors that the page gives them."""
    headings: list[Heading] = []
    is_code = False
    for line in text.splitlines():
        is_code ^= line.lstrip().startswith("```")
        match = None if is_code else _HEADING.fullmatch(line)
        if match:
            title = _LINK.sub(r"\2", match.group(2)).replace("`", "").strip()
            headings.append(Heading(len(match.group(1)), title, make_anchor(title)))
    return headings


def make_anchor(title: str) -> str:
    """Return the anchor of a heading: its words in lower case, with hyphens between them."""
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", title).strip().lower())


def _resolve(place: PurePosixPath, path: str) -> str:
    parts: list[str] = []
    for part in (place / path).parts:
        if part == ".." and parts:
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def _read_title(path: Path) -> str:
    headings = list_headings(path.read_text(encoding="utf-8"))
    return headings[0].text if headings else path.stem
