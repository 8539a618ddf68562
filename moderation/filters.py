"""The community's word list, link policy and treatment of new people, as they are stored."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from moderation.audit import SQL
from moderation.folding import fold
from moderation.links import ascii_host
from moderation.patterns import Action, Word
from moderation.rules import Filters
from moderation.words import WordList
from server.database import Queries


@dataclass(frozen=True, slots=True)
class Settings:
    """What the staff decided about links and new people."""

    links: Action = "allow"
    domains: tuple[str, ...] = ()
    new_hours: int = 0
    """Messages of people younger than this are held; 0 holds none."""

    def as_json(self) -> dict[str, Any]:
        """Give it as it is stored."""
        return {"links": self.links, "domains": list(self.domains), "new_hours": self.new_hours}


async def read_settings(queries: Queries) -> Settings:
    """Read what the staff decided about links and new people."""
    stored = await queries.value(SQL.settings) or {}
    return Settings(
        stored.get("links", "allow"), tuple(stored.get("domains", ())), stored.get("new_hours", 0)
    )


@dataclass(frozen=True, slots=True)
class Guard:
    """The community is guarded against a raid: since when, until when (ms), and by whom."""

    until: int = 0
    since: int = 0
    by: str = ""


async def read_guard(queries: Queries) -> Guard:
    """Read whether the community is guarded."""
    stored = await queries.value(SQL.guard) or {}
    return Guard(stored.get("until", 0), stored.get("since", 0), stored.get("by", ""))


async def read_filters(queries: Queries) -> Filters:
    """Read and compile everything that texts are judged by."""
    settings = await read_settings(queries)
    guard = await read_guard(queries)
    rows = await queries.all(SQL.words)
    listed = [Word(row["word"], row["action"], row["id"]) for row in rows]
    # Ten thousand words take a quarter of a second: not in the loop that serves everybody.
    words = await asyncio.to_thread(WordList, listed)
    domains = frozenset(ascii_host(domain) for domain in settings.domains)
    new_for = settings.new_hours * 3_600_000
    return Filters(words, settings.links, domains, new_for, guard.until)


def word_key(word: str) -> str:
    """Fold a word, so that one spelling of it is listed once."""
    folded = fold(word.strip())
    return "".join(c * run for c, run in zip(folded.text, folded.runs, strict=True))
