"""What a stress script saw: kinds of events with their numbers, and texts about what was wrong."""

import threading
from collections import Counter

_MOST_EXAMPLES = 12


class Findings:
    """Collects from several threads."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self.wrong: list[str] = []
        self._lock = threading.Lock()

    def count(self, what: str, count: int = 1) -> None:
        """Count something that was seen."""
        with self._lock:
            self.seen[what] += count

    def note_wrong(self, text: str) -> None:
        """Keep what was wrong."""
        with self._lock:
            self.wrong.append(text)

    def report(self) -> None:
        """Print what was seen."""
        for what, count in sorted(self.seen.items()):
            print(f"{count:7}  {what}", flush=True)
        for text in self.wrong[:_MOST_EXAMPLES]:
            print(f"  WRONG  {text}", flush=True)
        print(f"{len(self.wrong)} wrong", flush=True)
