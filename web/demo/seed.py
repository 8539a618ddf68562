"""Fills an empty community with the demo's: people, rooms, broadcasts, and what was said before."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from moderation.names import name_key
from rooms.community.reads import SQL as COMMUNITY
from rooms.community.steps import ALL_DONE
from rooms.members.passwords import Passwords
from rooms.rules import message_uuid, new_message_id
from rooms.search.encode import tsvector
from server.context import Context
from server.database import Transaction, statements
from web.demo import goods
from web.demo.clip import picture
from web.demo.community import SIGN_INS, Line, lines, password, people, texts

SQL = statements(__package__)
SEEDED = "demo_seeded"


async def seed(ctx: Context) -> None:
    """Make the demo community once; a later start only puts its broadcast back on air."""
    _poster(ctx.settings.data_dir / "media")
    goods.draw(ctx.settings.data_dir / "media")
    stored = await ctx.of(Passwords).hash(password())
    async with ctx.db.transaction() as tx:
        if await tx.value("SELECT value FROM settings WHERE name = $1 FOR UPDATE", SEEDED):
            await tx.run(SQL.keep_on_air)
            return
        await _Seed(tx, ctx.clock(), stored).everything()


async def live_room(ctx: Context) -> str | None:
    """Give the id of the room that is on air; None when somebody ended the broadcast."""
    room = await ctx.db.value(SQL.live_room)
    return None if room is None else str(room)


async def demo_people(ctx: Context) -> dict[str, str]:
    """Give the viewer ids of the demo's people by key."""
    names = {person.name: key for key, person in people().items()}
    rows = await ctx.db.all(SQL.demo_people, list(names))
    return {names[row["name"]]: f"m{row['id']}" for row in rows}


class _Seed:
    """One filling of an empty community; everything in one transaction."""

    def __init__(self, tx: Transaction, now_ms: int, password_hash: str) -> None:
        self._tx = tx
        self._now = datetime.fromtimestamp(now_ms / 1000, UTC)
        self._password_hash = password_hash
        self._people = people()
        self._members: dict[str, int] = {}
        self._rooms: dict[str, int] = {}
        self._broadcasts: dict[str, tuple[int, datetime]] = {}
        self._offsets: dict[int, int] = {}

    async def everything(self) -> None:
        """Make it all."""
        data = texts()
        for key, person in self._people.items():
            stored = self._password_hash if key in SIGN_INS else None
            fields = (person.name, name_key(person.name), stored, int(person.rank))
            self._members[key] = await self._tx.value(
                SQL.add_person, *fields, person.language, person.about
            )
        for room in data["rooms"]:
            fields = (room["kind"], room["slug"], room["title"], room["about"])
            made = await self._tx.value(SQL.add_room, *fields, self._members["owner"])
            self._rooms[room["slug"]] = made
        for show in data["broadcasts"]:
            await self._broadcast(show)
        on, began = self._broadcasts["live"]
        room = self._rooms["komorebi-live"]
        await goods.stock_up(self._tx, self._members["host"], room, on, began, self._now)
        for said in data["said"]:
            await self._said(said)
        decided = {**data["community"], "steps": ALL_DONE.stored(), SEEDED: True}
        for name, value in decided.items():
            await self._tx.run(COMMUNITY.save_setting, name, value)

    async def _broadcast(self, show: dict[str, Any]) -> None:
        starts = self._ago(show["minutes"])
        started = None if show["state"] == "scheduled" else starts
        ended = starts + timedelta(minutes=show["length"]) if "length" in show else None
        made = await self._tx.value(
            SQL.add_broadcast,
            self._rooms[show["room"]],
            show["title"],
            show["about"],
            self._members["host"],
            show["state"],
            starts,
            started,
            ended,
        )
        self._broadcasts[show["key"]] = (made, starts)

    async def _said(self, said: dict[str, Any]) -> None:
        room = self._rooms[said["room"]]
        broadcast = self._broadcasts.get(said.get("broadcast", ""))
        for line in lines(said):
            await self._line(room, broadcast, line)

    async def _line(self, room: int, broadcast: tuple[int, datetime] | None, line: Line) -> None:
        at = self._ago(line.minutes)
        at_ms = round(at.timestamp() * 1000)
        key = message_uuid(new_message_id(at_ms, secrets.token_bytes))
        offset = self._offsets[room] = self._offsets.get(room, 0) + 1
        person = self._people[line.by]
        # One epoch for all of the past, older than any that Redis will begin.
        epoch = round((self._now - timedelta(days=30)).timestamp() * 1000)
        number = broadcast[0] if broadcast else None
        await self._tx.run(
            SQL.add_message,
            room,
            key,
            number,
            self._members[line.by],
            person.name,
            int(person.rank),
            f"demo-{offset}",
            line.text,
            line.is_question,
            epoch,
            offset,
            at,
            tsvector(line.text),
        )
        if not line.is_question:
            return
        answered = at + timedelta(seconds=90) if line.answer else None
        if line.answer and broadcast and line.second is not None:
            answered = broadcast[1] + timedelta(seconds=line.second)
        await self._tx.run(
            SQL.add_question,
            room,
            key,
            number,
            "answered" if line.answer else "open",
            line.votes,
            at,
            line.answer,
            self._members["host"] if line.answer else None,
            answered,
            line.second,
            tsvector(line.text, line.answer or ""),
        )
        await self._tx.run(SQL.add_votes, room, key, line.votes)

    def _ago(self, minutes: float) -> datetime:
        return self._now - timedelta(minutes=minutes)


def _poster(media: Path) -> None:
    """Draw the poster; the clip is drawn beside the start, because it takes longer."""
    media.mkdir(parents=True, exist_ok=True)
    if not (media / "demo.png").exists():
        (media / "demo.png").write_bytes(picture(2.0))
