"""The rules that every page of the dashboard keeps: no errors in the console, nothing from other hosts, accessible."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request

_SERIOUS = ("serious", "critical")


@dataclass
class Watch:
    """The complaints about the pages of a browser."""

    host: str
    complaints: list[str] = field(default_factory=list)

    @classmethod
    def over(cls, context: BrowserContext, host: str) -> "Watch":
        watch = cls(host)
        context.on("console", watch.hear)
        context.on("request", watch.see)
        context.on("weberror", lambda error: watch.complaints.append(f"error: {error.error}"))
        return watch

    def hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text}")

    def see(self, request: Request) -> None:
        url = urlsplit(request.url)
        if url.scheme not in ("data", "blob") and url.hostname != self.host:
            self.complaints.append(f"a request to another host: {request.url}")


def list_barriers(page: Page) -> list[str]:
    """Return the serious violations of accessibility rules on the page that is shown."""
    found = Axe().run(page).response["violations"]
    return [
        f"{each['id']}: {each['help']}: {[node['html'][:160] for node in each['nodes'][:3]]}"
        for each in found
        if each["impact"] in _SERIOUS
    ]
