"""Trees as JSON or msgpack, in which some parts are bytes already and are joined as they are."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgpack
import orjson

from server.item import Item
from server.packing import pack


class Part:
    """Something inside a reply that is encoded at most once in each encoding."""

    __slots__ = ("_packed", "_text")

    def __init__(self) -> None:
        self._packed: bytes | None = None
        self._text: bytes | None = None

    @property
    def packed(self) -> bytes:
        """The part as msgpack."""
        if self._packed is None:
            self._packed = self._pack()
        return self._packed

    @property
    def text(self) -> bytes:
        """The part as JSON."""
        if self._text is None:
            self._text = self._write()
        return self._text

    def _pack(self) -> bytes:
        raise NotImplementedError

    def _write(self) -> bytes:
        raise NotImplementedError


class Items(Part):
    """Publications inside a reply."""

    __slots__ = ("items",)

    def __init__(self, items: Sequence[Item]) -> None:
        super().__init__()
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def _pack(self) -> bytes:
        return packed_items(self.items)

    def _write(self) -> bytes:
        return json_items(self.items)


class Ready(Part):
    """A tree that many replies hold; it may not change any more."""

    __slots__ = ("tree",)

    def __init__(self, tree: Mapping[str, Any]) -> None:
        super().__init__()
        self.tree = tree

    def _pack(self) -> bytes:
        return to_msgpack(self.tree)

    def _write(self) -> bytes:
        return to_json(self.tree)


def to_json(tree: Mapping[str, Any]) -> bytes:
    """Give a tree, which may hold parts, as JSON."""
    return orjson.dumps(tree, default=_fragment)


def to_msgpack(tree: Mapping[str, Any]) -> bytes:
    """Pack a tree in one go, then put the parts in it where they belong."""
    try:
        pieces = _pack_marked(tree).split(_PACKED_MARK)
        marked = _marked.copy()
    finally:
        _marked.clear()
    if not marked:
        return pieces[0]
    joined = [pieces[0]]
    for part, piece in zip(marked, pieces[1:], strict=True):
        joined += (part.packed, piece)
    return b"".join(joined)


def json_items(items: Sequence[Item]) -> bytes:
    """Join publications as JSON."""
    return b"[%b]" % b",".join([item.text for item in items])


def packed_items(items: Sequence[Item]) -> bytes:
    """Join publications as msgpack."""
    return array_head(len(items)) + b"".join([item.packed for item in items])


def array_head(count: int) -> bytes:
    """Give what stands before so many elements of msgpack."""
    if count < 16:
        return bytes((0x90 | count,))
    if count < 65_536:
        return b"\xdc" + count.to_bytes(2, "big")
    return b"\xdd" + count.to_bytes(4, "big")


def _fragment(value: Any) -> orjson.Fragment:
    if isinstance(value, Part):
        return orjson.Fragment(value.text)
    raise TypeError(f"{type(value).__name__} has no place on the wire")


def _mark(inner: Any) -> Any:
    """Stand in for parts of a tree, which are encoded already."""
    if isinstance(inner, Part):
        _marked.append(inner)
        return _MARK
    if isinstance(inner, Mapping):
        return dict(inner)
    raise TypeError(f"{type(inner).__name__} has no place on the wire")


_marked: list[Part] = []
# Nobody can write it into a text: it is made anew in every process and never leaves it.
_MARK: Final = msgpack.ExtType(1, os.urandom(16))
_PACKED_MARK: Final = pack(_MARK)
_pack_marked: Final[Callable[[Any], bytes]] = msgpack.Packer(default=_mark).pack
