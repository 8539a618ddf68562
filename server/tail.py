"""The newest publications of a channel in memory, without a hole between them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Final

from server.item import Item

MAX_BYTES: Final = 256 * 1024
MAX_ITEMS: Final = 300


class Tail:
    """What joins and authorship checks read; at most 300 publications or 256 KB."""

    __slots__ = ("_bytes", "_items", "floor")

    def __init__(self, floor: int = 0) -> None:
        """Begin with nothing; what follows has offsets above `floor`."""
        self.floor = floor
        """Everything above this offset is here, up to the newest."""
        self._items: deque[Item] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)

    def add(self, item: Item) -> None:
        """Append the next publication; the oldest go when there is no room for it."""
        self._items.append(item)
        self._bytes += item.size
        while len(self._items) > MAX_ITEMS or self._bytes > MAX_BYTES:
            oldest = self._items.popleft()
            self._bytes -= oldest.size
            self.floor = oldest.offset

    def after(self, offset: int) -> list[Item]:
        """Give those above an offset; whether none is missing `floor` tells."""
        count = 0
        for item in reversed(self._items):
            if item.offset <= offset:
                break
            count += 1
        return list(islice(self._items, len(self._items) - count, None))

    def find(self, key: str) -> list[Item]:
        """Give those with a key, oldest first."""
        return [item for item in self._items if item.publication.key == key]
