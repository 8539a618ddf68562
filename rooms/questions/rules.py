"""What a question is, how it is answered, and the pushes that tell of it; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NotRequired, TypedDict

from rooms.events import Author
from rooms.rules import clean_text
from server.errors import Refused

MOST_ANSWER = 2000
SORTS = ("popular", "new", "answered")

State = Literal["open", "answered", "dismissed"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered: in writing, or live at a second of the broadcast, or both."""

    author: Author
    at: datetime
    text: str | None = None
    second: int | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """A question as everybody may see it."""

    id: str
    room_id: str
    room_slug: str
    room_title: str
    room_kind: str
    author: Author
    text: str
    state: State
    votes: int
    asked_at: datetime
    shown: bool = False
    broadcast_id: str | None = None
    broadcast_title: str | None = None
    answer: Answer | None = None
    epoch: int = 0
    offset: int = 0


class AnswerInfo(TypedDict):
    """An answer as clients see it; `second` when it was given live."""

    author: Author
    at: int
    text: NotRequired[str]
    second: NotRequired[int]


class QuestionInfo(TypedDict):
    """A question as clients see it."""

    id: str
    room: str
    author: Author
    text: str
    votes: int
    state: str
    asked_at: int
    shown: bool
    broadcast: str | None
    answer: AnswerInfo | None


class QuestionAsked(QuestionInfo):
    """A question was asked, or a message became one, or one was taken up again."""

    event: Literal["question.asked"]


class QuestionAnswered(QuestionInfo):
    """A question has an answer, or a better one."""

    event: Literal["question.answered"]


class QuestionWithdrawn(TypedDict):
    """A question is no longer among those to answer; its message stays."""

    event: Literal["question.withdrawn"]
    id: str


class QuestionShown(TypedDict):
    """The question on the stage now; null takes it off."""

    event: Literal["question.shown"]
    id: str | None


class QuestionVoted(TypedDict):
    """How many votes a question has; passing, at most once a second."""

    event: Literal["question.voted"]
    id: str
    votes: int


class QuestionVoteCast(TypedDict):
    """A vote on its way to the database; on a channel that nobody opens."""

    event: Literal["question.vote_cast"]
    id: str
    person: str
    removed: bool


PUSHES = (QuestionAsked, QuestionAnswered, QuestionWithdrawn, QuestionShown, QuestionVoted)
"""Every push that is built here."""


@dataclass(frozen=True, slots=True)
class GivenAnswer:
    """What a host or moderator answers; at least one of the two."""

    text: str | None
    live: bool


def read_answer(args: Mapping[str, Any]) -> GivenAnswer:
    """Read {text} or {live: true} or both; Refused("invalid") for neither."""
    live = args.get("live", False)
    if not isinstance(live, bool):
        raise Refused("invalid", "`live` is true or false.", field="live")
    text = None
    if args.get("text") not in (None, ""):
        text = clean_text(args["text"], limit=MOST_ANSWER, field="text", lines=True)
    if text is None and not live:
        raise Refused("invalid", "Write an answer, or say that it was given live.", field="text")
    return GivenAnswer(text, live)


def second_of(started_at: datetime | None, now: datetime) -> int:
    """Give the second of a broadcast; Refused("invalid") when none is on."""
    if started_at is None:
        raise Refused("invalid", "No broadcast is on, so it cannot be answered live.", field="live")
    return max(0, int((now - started_at).total_seconds()))


def info(q: Question) -> QuestionInfo:
    """Give a question as clients see it; times in ms."""
    answer: AnswerInfo | None = None
    if q.answer is not None:
        answer = AnswerInfo(author=q.answer.author, at=_ms(q.answer.at))
        if q.answer.text is not None:
            answer["text"] = q.answer.text
        if q.answer.second is not None:
            answer["second"] = q.answer.second
    return QuestionInfo(
        id=q.id,
        room=q.room_id,
        author=q.author,
        text=q.text,
        votes=q.votes,
        state=q.state,
        asked_at=_ms(q.asked_at),
        shown=q.shown,
        broadcast=q.broadcast_id,
        answer=answer,
    )


def votes_channel(room_id: str) -> str:
    """Name the channel that orders the votes of a room; nobody subscribes to it."""
    return f"room:{room_id}:votes"


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
