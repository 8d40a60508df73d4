"""Advice for errors of calls that depend on the thread: of objects that belong to one, and of code that needs an event loop."""

import sys
import threading
from typing import Any

_ONE_THREAD = "`max_concurrency: 1` below jobtype_extra in job.yaml runs all calls of plain methods in the thread of __init__"
_BOUND = f"what belongs to the thread that made it can't be used in other threads: make it in each call; or {_ONE_THREAD}"
_IN_MAIN = f"calls run in several threads: do this in __init__, which runs in the main thread; or {_ONE_THREAD}"
_NO_LOOP = (
    "a plain method has no event loop: use asyncio.run(…) in it, or make the method `async def`"
)
_OTHER_LOOP = "make the method `async def`: such methods run on the event loop of __init__; or make the object in each call"
_ADVICE = {
    "objects created in a thread can only be used in that same thread": _BOUND,  # sqlite3
    "cannot switch to a different thread": _BOUND,  # greenlet, and so Playwright
    "is unsendable, but": _BOUND,  # libraries in Rust
    "_local' object has no attribute": _BOUND,  # threading.local
    "main thread is not in main loop": _BOUND,  # tkinter
    "only works in main thread": _IN_MAIN,  # signal, faulthandler
    "There is no current event loop in thread": _NO_LOOP,
    "no running event loop": _NO_LOOP,
    "attached to a different loop": _OTHER_LOOP,
    "bound to a different event loop": _OTHER_LOOP,
}
"""Parts of messages of Python and of libraries, and the advice for them."""


def find_thread_advice(message: str) -> str | None:
    """Return the way to mend an error with this message; None when the error does not depend on the thread."""
    return next((advice for sign, advice in _ADVICE.items() if sign in message), None)


def list_bound_connections(instance: Any) -> list[str]:
    """List the attributes of an object that are connections of SQLite which refuse all threads but the calling one."""
    sqlite3 = sys.modules.get("sqlite3")
    if sqlite3 is None:
        return []
    connections = {
        name: value
        for name, value in getattr(instance, "__dict__", {}).items()
        if isinstance(value, sqlite3.Connection)
    }
    bound: list[str] = []

    def try_elsewhere() -> None:
        for name, connection in connections.items():
            try:
                connection.cursor().close()
            except sqlite3.Error as error:
                if find_thread_advice(str(error)):
                    bound.append(name)

    if connections:
        thread = threading.Thread(target=try_elsewhere, name="connections")
        thread.start()
        thread.join()
    return bound


def describe_bound(names: list[str]) -> str:
    """Describe what such connections mean for a job whose calls run in several threads."""
    what = ", ".join(f"self.{name}" for name in names)
    return f"{what} will fail in calls that run at the same time: {_BOUND}"
