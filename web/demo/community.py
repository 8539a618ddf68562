"""Who lives in the demo and what they say, read from community.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from moderation.rules import Rank

TEXTS = Path(__file__).with_name("community.toml")
SIGN_INS = ("viewer", "host", "moderator", "owner")
"""Who can be signed in as, in the order in which they are offered."""


@dataclass(frozen=True, slots=True)
class Person:
    """One of the demo's people."""

    key: str
    name: str
    rank: Rank
    language: str
    about: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """Something that was said, so many minutes before the first start."""

    by: str
    minutes: float
    text: str
    votes: int = 0
    answer: str | None = None
    second: int | None = None
    is_question: bool = False


@cache
def texts() -> dict[str, Any]:
    """Read the file."""
    return tomllib.loads(TEXTS.read_text(encoding="utf-8"))


def people() -> dict[str, Person]:
    """Give everybody by key."""
    return {
        key: Person(
            key, one["name"], Rank[one["role"].upper()], one["language"], one.get("about", "")
        )
        for key, one in texts()["people"].items()
    }


def password() -> str:
    """Give the password of the four who can be signed in as."""
    return str(texts()["sign_in"]["password"])


def lines(said: dict[str, Any]) -> list[Line]:
    """Give what was said in one place, oldest first, questions among the rest."""
    plain = [Line(by, minutes, text) for by, minutes, text in said["lines"]]
    asked = [Line(is_question=True, **question) for question in said.get("questions", ())]
    return sorted([*plain, *asked], key=lambda line: -line.minutes)
