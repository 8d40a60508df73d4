"""A visit: one open tab of a visitor, with the session, the rights, and what the pages share."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote, urlencode

import httpx
from nicegui import Client, background_tasks, ui
from nicegui.element import Element
from racetrack_client.entities import AuthScope
from racetrack_client.log.logs import get_logger
from racetrack_commons.entities.sessions import CurrentUser

from dashboard.client.api import ApiError, LifecycleApi, LifecycleAway, LoggedOut
from dashboard.client.bulk_deletion import BulkDeletions
from dashboard.client.changes import ChangeStream
from dashboard.config import DashboardConfig
from dashboard.web.session import BASE_PATH

logger = get_logger(__name__)
Refresh = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class SharedServices:
    """The clients and settings that all visits share."""

    config: DashboardConfig
    http: httpx.AsyncClient
    api: LifecycleApi
    """Lifecycle's API without a session."""
    feed: ChangeStream
    deletions: BulkDeletions


@dataclass(frozen=True)
class Visit:
    """One open tab; pages get it as their first parameter."""

    shared: SharedServices
    api: LifecycleApi
    """Lifecycle's API with the session of the visitor."""
    user: CurrentUser
    job_session: str
    """The session by which the visitor calls jobs at PUB."""
    client: Client
    """The tab."""

    def has_scope(self, scope: AuthScope) -> bool:
        """Return whether the visitor has a scope on everything."""
        return not {scope, AuthScope.FULL_ACCESS}.isdisjoint(self.user.scopes_on_everything)

    @contextmanager
    def reporting(self, intent: str) -> Iterator[None]:
        """Show failures of requests to Lifecycle as notices; when the session has ended, go to the log-in page.

        `intent` begins the notice: "The job was not deleted".
        """
        try:
            yield
        except LoggedOut:
            self.go_to_login()
        except (ApiError, LifecycleAway) as error:
            self.warn(f"{intent}: {error}")

    def tell(self, text: str) -> None:
        """Show a notice of success."""
        with self.client:
            ui.notify(text, type="positive", position="top-right", timeout=3000)

    def warn(self, text: str) -> None:
        """Show a notice of a failure, which stays until it is closed."""
        with self.client:
            ui.notify(
                text,
                type="negative",
                position="top-right",
                timeout=20_000,
                multi_line=True,
                actions=[{"label": "Close", "color": "white", "noCaps": True}],
            )

    def handle_failure(self, error: Exception) -> None:
        """Show a failure that no handler of a page expected."""
        if isinstance(error, LoggedOut):
            self.go_to_login()
        elif isinstance(error, ApiError | LifecycleAway):
            self.warn(str(error))
        elif isinstance(error, TimeoutError):  # A slow browser did not tell in time how it looks.
            logger.info(f"a browser does not answer: {error}")
        else:
            self.warn("Something failed here; the log of the dashboard has the details.")

    def go_to_login(self) -> None:
        """Open the log-in page, which leads back to the present page."""
        with self.client:
            ui.run_javascript(
                "const page = location.pathname + location.search;"
                f"const own = page.startsWith('{BASE_PATH}') ? page.slice({len(BASE_PATH)}) : page;"
                f"location.assign('{BASE_PATH}/login?next=' + encodeURIComponent(own || '/'))"
            )

    def on_change(self, kinds: Collection[str], refresh: Refresh) -> None:
        """Call `refresh` after changes of these kinds, as long as the element around the call is shown.

        Changes that come while it runs lead to one more call.
        """
        LiveRefresh(self, kinds, refresh)


class LiveRefresh(Element):
    """An invisible element that refreshes its part of the page after changes, until it is removed with that part."""

    def __init__(self, visit: Visit, kinds: Collection[str], refresh: Refresh) -> None:
        super().__init__()
        self.classes("hidden")
        self._visit = visit
        self._refresh = refresh
        self._changed = asyncio.Event()
        self._unsubscribe = visit.shared.feed.subscribe(kinds, lambda _: self._changed.set())
        self._task = background_tasks.create(self._run(), name=f"refresh on {sorted(kinds)}")

    def _handle_delete(self) -> None:
        self._unsubscribe()
        self._task.cancel()
        super()._handle_delete()

    async def _run(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                with self:
                    await self._refresh()
            except LoggedOut:
                self._visit.go_to_login()
            except ApiError as error:
                logger.info(f"a page could not be refreshed: {error}")
            except LifecycleAway:
                logger.debug("a page waits for Lifecycle")


def make_path(*parts: str, **query: str) -> str:
    """Return the path of a page: `make_path("jobs", "adder", "1.0.0", tab="logs")`."""
    path = "/".join([BASE_PATH, *(quote(part, safe="") for part in parts)])
    given = {name: value for name, value in query.items() if value}
    return f"{path}?{urlencode(given)}" if given else path
