"""What tests say in a room of their own, and what came of it."""

from __future__ import annotations

from typing import Any

import pytest

from moderation import wordlist
from moderation.rules import Rank
from rooms.rules import Room, message_uuid
from server.errors import Refused
from tests.integration.world import World


async def refused(call: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        await call
    assert " " in caught.value.message
    return caught.value


async def listed(w: World) -> None:
    """Put a word on the list that is held, and one that is rejected."""
    ren = await w.member("Filter", Rank.MODERATOR)
    await wordlist.add_words(w.ctx, ren, ["secret"], "hold")
    await wordlist.add_words(w.ctx, ren, ["awful"], "reject")


def said(text: str, cmid: str = "c1", **more: Any) -> dict[str, Any]:
    return {"room": "1", "text": text, "client_message_id": cmid, **more}


async def row(w: World, room: Room, key: str) -> Any:
    return await w.db.one(
        "SELECT * FROM messages WHERE room_id = $1 AND id = $2", int(room.id), message_uuid(key)
    )
