"""The tail holds the newest publications, within its bounds, and knows where it begins."""

from __future__ import annotations

from server.item import Item
from server.publication import Flag, Publication
from server.tail import MAX_BYTES, MAX_ITEMS, Tail


def item(offset: int, *, key: str = "", size: int = 10) -> Item:
    return Item(Publication(5, offset, 0, Flag.NONE, "m1", key, b"x" * size))


def offsets(items: list[Item]) -> list[int]:
    return [each.offset for each in items]


def test_what_lies_above_an_offset_is_given_in_order() -> None:
    tail = Tail(floor=4)
    for offset in range(5, 10):
        tail.add(item(offset))

    assert offsets(tail.after(6)) == [7, 8, 9]
    assert offsets(tail.after(4)) == [5, 6, 7, 8, 9]
    assert offsets(tail.after(9)) == []
    assert tail.floor == 4


def test_it_never_holds_more_than_its_number() -> None:
    tail = Tail()
    for offset in range(1, MAX_ITEMS + 11):
        tail.add(item(offset))

    assert len(tail) == MAX_ITEMS
    assert tail.floor == 10


def test_it_never_holds_more_than_its_bytes() -> None:
    tail = Tail()
    for offset in range(1, 200):
        tail.add(item(offset, size=200 if offset % 2 else 8000))

    held = offsets(list(tail))
    assert sum(each.size for each in tail) <= MAX_BYTES
    assert held == list(range(tail.floor + 1, 200))


def test_entries_are_found_by_their_key() -> None:
    tail = Tail()
    for offset, key in enumerate("abca", 1):
        tail.add(item(offset, key=key))

    assert offsets(tail.find("a")) == [1, 4]
    assert tail.find("x") == []
