"""Changes the word list, the link policy and the treatment of new people."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, cast

from moderation import audit, staff
from moderation.audit import SQL, Act, Row
from moderation.filters import Guard, Settings, read_guard, read_settings, word_key
from moderation.links import ascii_host
from moderation.patterns import Action, Match, Word
from moderation.screening import Screening
from moderation.words import MAX_WORD, WordList
from server.context import Context, Viewer
from server.errors import Refused
from server.outbox import Durable, durable

MOST_WORDS = 10_000
MOST_DOMAINS = 500
MOST_AT_ONCE = 1_000
"""Words of one list that is pasted."""
ACTIONS = ("hold", "reject", "allow")
POLICIES = ("allow", "hold", "reject")
LONGEST_NEW = 30 * 24
"""Hours for which somebody may be treated as new."""
LONGEST_GUARD = 24 * 60
"""Minutes."""


def read_words(text: object) -> list[str]:
    """Read one word, or a list with one on each line; Refused `invalid`."""
    if not isinstance(text, str):
        raise Refused("invalid", "A word is a text.", field="word")
    words = list(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))
    if not words:
        raise Refused("invalid", "Write a word or a phrase.", field="word")
    if len(words) > MOST_AT_ONCE:
        raise Refused("invalid", f"At most {MOST_AT_ONCE} words at once.", field="word")
    for word in words:
        if len(word) > MAX_WORD:
            raise Refused("invalid", f"A word takes at most {MAX_WORD} characters.", field="word")
        if not word_key(word).strip(" *"):
            raise Refused("invalid", f"Nothing of “{word}” can be matched.", field="word")
    return words


async def add_words(
    ctx: Context, actor: Viewer, words: Sequence[str], action: str, language: str = ""
) -> dict[str, Any]:
    """Put words on the list, or give listed ones another action."""
    act = audit.begin(ctx, actor)
    if action not in ACTIONS:
        raise Refused("invalid", "A word is held, rejected or allowed.", field="action")
    async with durable(ctx) as d:
        await d.run(SQL.lock_words)
        if await d.value(SQL.count_words) + len(words) > MOST_WORDS:
            raise Refused("limit_reached", f"The list takes {MOST_WORDS} words.")
        ids, before = [], []
        for word in words:
            key = word_key(word)
            old = await d.one(SQL.word_by_key, key)
            if old is not None:
                before.append({"word": old["word"], "action": old["action"]})
            row = (word, key, action, language[:8], actor.id, actor.name)
            ids.append(await d.value(SQL.add_word, *row))
        shown = words[0] if len(words) == 1 else None
        details = {"words": list(words), "action": action, "before": before}
        await audit.record(d, Row(act, "word.add", text=shown, details=details))
        changed(d)
    ctx.of(Screening).stale()
    return {"action": audit.wire(act), "ids": ids}


async def remove_words(ctx: Context, actor: Viewer, ids: Sequence[int]) -> dict[str, Any]:
    """Take words off the list."""
    act = audit.begin(ctx, actor)
    async with durable(ctx) as d:
        rows = await d.all(SQL.remove_words, list(ids))
        if not rows:
            raise Refused("not_found", "This word is not on the list.")
        before = [{"word": row["word"], "action": row["action"]} for row in rows]
        shown = rows[0]["word"] if len(rows) == 1 else None
        await audit.record(d, Row(act, "word.remove", text=shown, details={"before": before}))
        changed(d)
    ctx.of(Screening).stale()
    return {"action": audit.wire(act)}


async def put_back(d: Durable, act: Act, action: str, details: Mapping[str, Any]) -> None:
    """Undo a change of the list: remove what was added, list again what was there before."""
    if action == "word.add":
        await d.run(SQL.remove_keys, [word_key(word) for word in details["words"]])
    for old in details["before"]:
        row = (old["word"], word_key(old["word"]), old["action"], "", act.actor.id, act.actor.name)
        await d.run(SQL.add_word, *row)
    changed(d)


async def save_settings(
    ctx: Context, actor: Viewer, *, links: object, domains: object, new_hours: object
) -> dict[str, Any]:
    """Decide about links and new people; `domains` are always allowed."""
    act = audit.begin(ctx, actor)
    settings = Settings(_policy(links), _domains(domains), _hours(new_hours))
    async with durable(ctx) as d:
        await d.run(SQL.lock_words)
        before = await read_settings(d)
        await d.run(SQL.save_settings, settings.as_json())
        details = {"before": before.as_json(), "after": settings.as_json()}
        await audit.record(d, Row(act, "filters.set", details=details))
        changed(d)
    ctx.of(Screening).stale()
    return {"action": audit.wire(act), **settings.as_json()}


async def put_settings_back(d: Durable, details: Mapping[str, Any]) -> None:
    """Undo a change of the settings."""
    await d.run(SQL.save_settings, details["before"])
    changed(d)


async def guard(ctx: Context, actor: Viewer, minutes: int, room: str | None) -> dict[str, Any]:
    """Guard the community against a raid for some minutes from now; 0 ends it."""
    act = audit.begin(ctx, actor, room=room)
    if not 0 <= minutes <= LONGEST_GUARD:
        raise Refused("invalid", f"0 to {LONGEST_GUARD} minutes.", field="minutes")
    async with durable(ctx) as d:
        await d.run(SQL.lock_words)
        before = await read_guard(d)
        running = before.until > act.at
        since, by = (before.since, before.by) if running else (act.at, actor.name)
        after = Guard(act.at + minutes * 60_000 if minutes else 0, since, by)
        await d.run(SQL.save_guard, asdict(after))
        details = {"before": asdict(before), "minutes": minutes, "until": after.until}
        row = Row(act, "guard.start" if minutes else "guard.end", details=details)
        await audit.record(d, row)
        changed(d)
    ctx.of(Screening).stale()
    await staff.tell_act(ctx, room, row)
    return {"action": audit.wire(act), "guard": asdict(after)}


async def put_guard_back(d: Durable, details: Mapping[str, Any]) -> None:
    """Undo the beginning or end of a guard."""
    await d.run(SQL.save_guard, details["before"])
    changed(d)


def changed(d: Durable) -> None:
    """Let every process read the filters again."""
    d.control({"type": "changed", "what": "moderation", "part": "filters"})


async def try_words(ctx: Context, actor: Viewer, words: Sequence[str]) -> list[dict[str, Any]]:
    """Give recent messages of all rooms that these words would have caught, with the spans."""
    audit.require_staff(actor)
    rows = await ctx.db.all(SQL.recent_messages)
    tried = WordList(Word(word) for word in words)
    found = await asyncio.to_thread(_caught, tried, [row["text"] for row in rows])
    return [
        {
            "author": row["author_name"],
            "text": row["text"],
            "at": audit.millis(row["at"]),
            "spans": [[match.start, match.end] for match in matches],
        }
        for row, matches in zip(rows, found, strict=True)
        if matches
    ]


def _caught(words: WordList, texts: Sequence[str]) -> list[list[Match]]:
    return [words.find(text) for text in texts]


def _policy(value: object) -> Action:
    if value not in POLICIES:
        raise Refused("invalid", "Links are allowed, held or rejected.", field="links")
    return cast(Action, value)


def _domains(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise Refused("invalid", "Allowed domains are a list.", field="domains")
    if len(value) > MOST_DOMAINS:
        raise Refused("invalid", f"At most {MOST_DOMAINS} domains.", field="domains")
    found = dict.fromkeys(_domain(one) for one in value if one.strip())
    return tuple(found)


def _domain(value: str) -> str:
    host = value.strip().lower().removeprefix("https://").removeprefix("http://").split("/")[0]
    written = ascii_host(host)
    if "." not in written or not all(written.split(".")) or not written.isascii():
        raise Refused("invalid", f"“{value.strip()}” is not a domain.", field="domains")
    return host


def _hours(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= LONGEST_NEW:
        raise Refused("invalid", f"0 to {LONGEST_NEW} hours.", field="new_hours")
    return value
