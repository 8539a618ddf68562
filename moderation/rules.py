"""What may be said and by whom: ranks, drafts, standing, verdicts. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache
from typing import Literal, NamedTuple

from moderation.links import find_links, is_allowed
from moderation.patterns import Action
from moderation.words import WordList
from server.errors import Refused

FOREVER = 253_402_300_799_000
"""The `until` of what ends only by undoing it (ms; the last second of the year 9999)."""
STEPS = (10, 60, 300, 600, 1_800, 86_400)
"""How long a time-out may be, in seconds; None is for good."""
LONGEST = 366 * 86_400
MAX_REASON = 300
"""Code points of a reason or a note's line."""

GUARDED_NEW = 86_400_000
"""Who counts as new (ms) while the community is guarded against a raid."""

Kind = Literal["allow", "hold", "reject", "shadow"]
Rule = Literal["", "word", "link", "new", "muted", "banned", "shadow"]


class Rank(IntEnum):
    """Who somebody is in the community; more may do more."""

    READER = 0
    GUEST = 10
    MEMBER = 20
    MODERATOR = 40
    HOST = 50
    OWNER = 60

    @property
    def wire(self) -> str:
        """The name of the rank on the wire and in pages."""
        return _WIRE[self]

    @classmethod
    @lru_cache(maxsize=128)
    def of(cls, rank: int) -> Rank:
        """Give the highest named rank that `rank` reaches."""
        return max(step for step in cls if step <= max(rank, 0))

    @classmethod
    def staff(cls, rank: int) -> bool:
        """Whether somebody of this rank moderates."""
        return rank >= _LEAST_OF_STAFF


_WIRE = {rank: rank.name.lower() for rank in Rank}
_LEAST_OF_STAFF = int(Rank.MODERATOR)


def may_act_on(actor: int, target: int, *, same: bool) -> bool:
    """Whether somebody of rank `actor` may sanction one of rank `target`, or hide what he said.

    Only staff may, only downwards, never the owner and never oneself.
    """
    return Rank.staff(actor) and actor > target and target < Rank.OWNER and not same


def until_after(now: int, seconds: int | None) -> int:
    """Give the end of a sanction that begins `now` (ms) and lasts `seconds`, or FOREVER."""
    return FOREVER if seconds is None else now + seconds * 1000


def wire_until(until: int) -> int | None:
    """Write an end for the wire: null is for good."""
    return None if until >= FOREVER else until


class Draft(NamedTuple):
    """Something that somebody wants to say."""

    text: str
    room: str
    author: str
    author_name: str
    rank: int
    address: bytes = b""
    """The keyed hash of a guest's address prefix; empty for members."""
    joined: int = 0
    """When this identity was made (ms); 0 when unknown."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds for a person in a room at this moment; ends in ms, 0 for none."""

    muted_until: int = 0
    banned_until: int = 0
    shadowed: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Filters:
    """What the community decided about texts."""

    words: WordList = field(default_factory=WordList)
    links: Action = "allow"
    domains: frozenset[str] = frozenset()
    """Domains that are always allowed, in ASCII."""
    new_for: int = 0
    """Messages of identities younger than this (ms) are held; 0 holds none."""
    guarded_until: int = 0
    """Until then (ms) links are rejected and messages of new people held, whatever else is set."""

    def links_at(self, now: int) -> Action:
        """Give the link policy that applies at a time."""
        return "reject" if now < self.guarded_until else self.links

    def new_for_at(self, now: int) -> int:
        """Give for how long people count as new at a time, in ms."""
        return max(self.new_for, GUARDED_NEW) if now < self.guarded_until else self.new_for


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a draft, and why."""

    kind: Kind = "allow"
    rule: Rule = ""
    reason: str = ""
    """A sentence for the author."""
    spans: tuple[tuple[int, int], ...] = ()
    """The parts of the text that decided it, in code points."""
    word: str = ""
    """The listed word or the link's host that decided it."""
    until: int = 0

    def refused(self) -> Refused:
        """Give the refusal of a rejected draft, as the author is told."""
        if self.rule in ("muted", "banned"):
            return Refused(
                self.rule,
                told(self.rule, self.reason),
                until=wire_until(self.until),
                why=self.reason,
            )
        return Refused("invalid", self.reason, rule=self.rule)


ALLOWED = Verdict()


def told(kind: str, reason: str) -> str:
    """Say to a person that he may not write, and why."""
    begin = "You are banned" if kind == "banned" else "You may not write here for now"
    return f"{begin}: {reason}" if reason else f"{begin}."


def judge(draft: Draft, standing: Standing, filters: Filters, now: int) -> Verdict:
    """Decide what becomes of a draft at `now` (ms): the strictest rule that applies wins."""
    if standing.banned_until:
        return Verdict("reject", "banned", standing.reason, until=standing.banned_until)
    if standing.muted_until:
        return Verdict("reject", "muted", standing.reason, until=standing.muted_until)
    if Rank.staff(draft.rank):
        return ALLOWED
    verdict = _judge_text(draft, filters, now)
    if standing.shadowed and verdict.kind != "reject":
        return Verdict("shadow", "shadow", "", verdict.spans, verdict.word)
    return verdict


def _judge_text(draft: Draft, filters: Filters, now: int) -> Verdict:
    by_words = _judge_words(draft.text, filters.words)
    by_links = _judge_links(draft.text, filters, now)
    for kind in ("reject", "hold"):
        if by_words.kind == kind:
            return by_words
        if by_links.kind == kind:
            return by_links
    if draft.joined and now - draft.joined < filters.new_for_at(now):
        return Verdict("hold", "new", "Messages of new people wait for review.")
    return ALLOWED


def _judge_words(text: str, words: WordList) -> Verdict:
    matches = words.find(text)
    if not matches:
        return ALLOWED
    for kind in ("reject", "hold"):
        hits = [match for match in matches if match.word.action == kind]
        if hits:
            said = "is not allowed here" if kind == "reject" else "waits for review"
            return Verdict(
                "reject" if kind == "reject" else "hold",
                "word",
                f"A message with one of these words {said}.",
                merged((match.start, match.end) for match in hits),
                hits[0].word.text,
            )
    return ALLOWED


def _judge_links(text: str, filters: Filters, now: int) -> Verdict:
    policy = filters.links_at(now)
    if policy == "allow":
        return ALLOWED
    links = [link for link in find_links(text) if not is_allowed(link.host, filters.domains)]
    if not links:
        return ALLOWED
    return Verdict(
        policy,
        "link",
        "Links are not allowed here." if policy == "reject" else "Links wait for review.",
        merged((link.start, link.end) for link in links),
        links[0].host,
    )


def merged(spans: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Join spans that overlap, in order."""
    kept: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if kept and start <= kept[-1][1]:
            kept[-1] = (kept[-1][0], max(end, kept[-1][1]))
        else:
            kept.append((start, end))
    return tuple(kept)
