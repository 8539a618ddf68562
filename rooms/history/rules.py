"""A message of the past, and a page of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NotRequired, TypedDict

from moderation.rules import Rank
from rooms.events import Author
from rooms.rules import Position

PAGE = 100
"""The most messages a page holds."""


class Quoted(TypedDict):
    """The message that another answers, as it reads now; no text when that was hidden."""

    id: str
    name: str
    text: str | None


class Reactions(TypedDict):
    """How many reacted in one way, and whether the asker did."""

    kind: str
    count: int
    own: bool


class Asked(TypedDict):
    """That a message is a question, how many voted for it, and whether it was answered."""

    votes: int
    answered: bool


class MessageJson(TypedDict):
    """A message of the past over HTTP; `at` in ms since 1970."""

    id: str
    epoch: int
    offset: int
    at: int
    author: Author
    client_message_id: str
    text: str | None
    state: str
    reply_to: NotRequired[Quoted]
    edited: NotRequired[bool]
    question: NotRequired[Asked]
    reactions: NotRequired[list[Reactions]]


@dataclass(frozen=True, slots=True)
class PastMessage:
    """A message with its place; the text is None when it was hidden or deleted."""

    id: str
    room_id: str
    position: Position
    at: int
    author: str
    author_name: str
    author_rank: int
    client_message_id: str
    text: str | None
    state: str
    broadcast_id: str | None = None
    reply_to: Quoted | None = None
    edited: bool = False
    question: Asked | None = None
    reactions: tuple[Reactions, ...] = ()

    @property
    def role(self) -> str:
        """Name the author's rank at that time."""
        return Rank.of(self.author_rank).wire

    def as_json(self) -> MessageJson:
        """Give the message as HTTP answers carry it."""
        json = MessageJson(
            id=self.id,
            epoch=self.position.epoch,
            offset=self.position.offset,
            at=self.at,
            author=Author(
                id=self.author, name=self.author_name, role=Rank.of(self.author_rank).wire
            ),
            client_message_id=self.client_message_id,
            text=self.text,
            state=self.state,
        )
        if self.reply_to is not None:
            json["reply_to"] = self.reply_to
        if self.edited:
            json["edited"] = True
        if self.question is not None:
            json["question"] = self.question
        if self.reactions:
            json["reactions"] = list(self.reactions)
        return json


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that waits for a moderator: it has no place yet; `at` in ms."""

    id: str
    text: str
    question: bool
    at: int


@dataclass(frozen=True, slots=True)
class Page:
    """Some messages, oldest first."""

    messages: list[PastMessage] = field(default_factory=list)
    older: bool = False
    """Whether there is more before the first one."""
    newer: bool = False
    """Whether there is more after the last one."""

    def as_json(self) -> dict[str, Any]:
        """Give the page as HTTP answers carry it; `before` asks for the next older page."""
        before = str(self.messages[0].position) if self.older and self.messages else None
        return {"messages": [m.as_json() for m in self.messages], "before": before}
