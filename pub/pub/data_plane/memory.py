"""The memory of heads: the same bytes mean the same, so a head that was judged once need not be judged again."""

from typing import Generic, TypeVar

Judged = TypeVar("Judged")
_MOST_SEEN = 16_384


class HeadMemory(Generic[Judged]):
    """The meanings of heads, by their bytes; bounded in entries and in bytes.

    There are two generations. What is found in the old one moves to the young one; once the young one is full it becomes
    the old one, and what was in neither use is forgotten. A lookup costs one look into a dictionary.
    """

    def __init__(self, most_entries: int, most_bytes: int) -> None:
        self._most_entries = most_entries
        self._most_bytes = most_bytes
        self._young: dict[bytes, Judged] = {}
        self._old: dict[bytes, Judged] = {}
        self._bytes = 0
        self._seen: set[int] = set()
        """Digests of heads that came once: heads that never come again, such as those with unique ids, are not kept."""

    def find(self, head: bytes) -> Judged | None:
        """Return the meaning of a head, or None."""
        judged = self._young.get(head)
        if judged is None and self._old:
            judged = self._old.pop(head, None)
            if judged is not None:
                self._put(head, judged)
        return judged

    def keep(self, head: bytes, judged: Judged) -> None:
        """Keep what a head means, if it has come before."""
        digest = hash(head)
        if digest in self._seen:
            self._seen.discard(digest)
            self._put(head, judged)
            return
        if len(self._seen) >= _MOST_SEEN:
            self._seen.clear()
        self._seen.add(digest)

    def begin_generation(self) -> None:
        """Forget the heads that did not come since the last generation began."""
        self._old, self._young, self._bytes = self._young, {}, 0

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def _put(self, head: bytes, judged: Judged) -> None:
        if len(self._young) >= self._most_entries or self._bytes >= self._most_bytes:
            self.begin_generation()
        self._young[head] = judged
        self._bytes += len(head)
