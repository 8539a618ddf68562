"""What may be asked of the search, and what it finds; pure."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from rooms.events import Author
from server.errors import Refused

LONGEST_QUESTION = 200
"""Characters of what is searched for."""

Kind = Literal["answer", "question", "message"]
Span = tuple[int, int]
"""First character and the one after the last, in the original text."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What narrows a search; None does not."""

    room: str | None = None
    author: str | None = None
    """A viewer's id: who said, asked or answered it."""
    since: datetime | None = None
    until: datetime | None = None
    answered: bool | None = None
    """True: answered questions alone; False: those that wait for an answer."""


@dataclass(frozen=True, slots=True)
class Hit:
    """Something that was said, and where its room, its page and its marks are."""

    kind: Kind
    id: str
    room_id: str
    room_slug: str
    room_title: str
    room_kind: str
    author: Author
    text: str
    at: datetime
    marks: tuple[Span, ...]
    votes: int = 0
    answer: str | None = None
    answer_marks: tuple[Span, ...] = ()
    answer_author: Author | None = None
    answer_second: int | None = None
    """Answered live at this second of the recording."""
    broadcast_title: str | None = None
    second: int | None = None
    """Said at this second of the recording."""
    score: float = 0


def read_question(text: str) -> str:
    """Check what somebody searches for; `invalid` when it is empty or too long."""
    text = unicodedata.normalize("NFC", text).strip()
    if not text or "\x00" in text:
        raise Refused("invalid", "Type what you are looking for.", field="q")
    if len(text) > LONGEST_QUESTION:
        raise Refused("invalid", f"Search for at most {LONGEST_QUESTION} characters.", field="q")
    return text
