"""Who comes into a room is told what is true of it now, and what this person may do there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from moderation.rules import Rank
from moderation.screening import Screening
from rooms.cache import RoomCache
from rooms.rules import Kind, Room, Visibility
from server.context import Context, Viewer
from server.errors import Refused
from server.parts import Ready
from server.protocol import Encoding, encode
from server.settings import Settings
from tests.clock import FakeClock
from web.product import Product

TEA = Room("42", Kind.LIVE, "tea", "Tea")


class Cache:
    """Holds one room."""

    def __init__(self, room: Room) -> None:
        self.held = room

    async def room(self, room_id: str) -> Room:
        return self.held


class Calm(Screening):
    """Knows that nobody did anything."""

    async def hurry(self, first: float | None = None) -> None:
        return


def context(room: Room) -> tuple[Context, Cache]:
    ctx = Context(Settings.for_tests(), None, None, None, FakeClock())  # type: ignore[arg-type]
    cache = Cache(room)
    ctx._parts = {RoomCache: cache, Screening: Calm(ctx)}
    return ctx, cache


def tree(part: Any) -> Any:
    return part.tree if isinstance(part, Ready) else part


async def test_all_without_a_name_are_told_the_same_until_the_room_changes() -> None:
    ctx, cache = context(TEA)
    product = Product()
    one, other = Viewer(address="198.51.100.1"), Viewer(address="198.51.100.2")

    first = await product.open_channel(ctx, one, "room:42")
    again = await product.open_channel(ctx, other, "room:42")
    cache.held = replace(TEA, title="Green tea", min_rank=Rank.MEMBER)
    changed = await product.open_channel(ctx, one, "room:42")

    assert again is first
    assert tree(first.room)["title"] == "Tea"
    assert (tree(changed.room)["title"], tree(changed.room)["mode"]) == ("Green tea", "members")
    assert tree(first.you) == {"id": None, "name": "", "role": "reader", "may": []}


async def test_a_named_viewer_is_told_of_itself_alone() -> None:
    ctx, _ = context(TEA)
    product = Product()
    guest = Viewer("gAbc", "Mana", Rank.GUEST)
    nameless = await product.open_channel(ctx, Viewer(), "room:42")

    mine = await product.open_channel(ctx, guest, "room:42")
    other = await product.open_channel(ctx, replace(guest, id="gDef", name="Ken"), "room:42")

    assert (tree(mine.you)["id"], tree(mine.you)["name"]) == ("gAbc", "Mana")
    assert (tree(other.you)["id"], tree(other.you)["name"]) == ("gDef", "Ken")
    assert "post" in tree(mine.you)["may"]
    assert mine.room is nameless.room


@pytest.mark.parametrize(
    ("rank", "channel", "feed"),
    [
        (Rank.READER, "room:42", "sampled"),
        (Rank.GUEST, "room:42", "sampled"),
        (Rank.MODERATOR, "room:42", "full"),
        (Rank.MODERATOR, "room:42:staff", "full"),
    ],
)
async def test_the_team_is_shown_everything_and_others_a_choice(
    rank: int, channel: str, feed: str
) -> None:
    ctx, _ = context(TEA)
    viewer = Viewer(None if rank == Rank.READER else "m1", "Mana", rank)

    assert (await Product().open_channel(ctx, viewer, channel)).default_feed == feed


async def test_what_may_not_be_seen_any_more_is_not_granted_from_memory() -> None:
    ctx, cache = context(TEA)
    product = Product()
    await product.open_channel(ctx, Viewer(), "room:42")
    cache.held = replace(TEA, visibility=Visibility.MEMBERS)

    with pytest.raises(Refused, match="no such room"):
        await product.open_channel(ctx, Viewer(), "room:42")
    for part in ("staff", "votes"):
        with pytest.raises(Refused):
            await product.open_channel(ctx, Viewer("m1", "Mana", 0), f"room:42:{part}")


async def test_a_grant_is_written_in_both_encodings() -> None:
    ctx, _ = context(TEA)
    grant = await Product().open_channel(ctx, Viewer(), "room:42")

    for encoding in Encoding:
        assert b"Tea" in encode(encoding, {"room": grant.room, "you": grant.you})
