"""What a community is, and what an owner may make of it; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from rooms.community import colour
from rooms.community.steps import Steps, steps_from_stored
from server.errors import Refused

LANGUAGES = ("ja", "en", "ar", "th")
PAGES = ("rules", "privacy")
MOST_NAME, MOST_TEXT = 40, 20_000

Joining = Literal["everyone", "nobody"]


@dataclass(frozen=True, slots=True)
class Community:
    """The owner's decisions; the defaults are those of a new community."""

    name: str = "Hiroba"
    logo: str = ""
    """A file name under /media, or empty for the product's own mark."""
    accent: str = "#00756a"
    languages: tuple[str, ...] = LANGUAGES
    """What visitors may choose; the first is for those whose browser asks for none of them."""
    joining: Joining = "everyone"
    guests: bool = True
    """Whether people without an account may take a name and write where a room allows it."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """Page texts by `page.language`; a missing one is the product's own."""
    steps: Steps = Steps()
    """How far the owner came with setting it up."""


def from_stored(stored: Mapping[str, Any]) -> Community:
    """Build a community from its rows; unknown names are left for a newer version."""
    known = {name: stored[name] for name in Community.__dataclass_fields__ if name in stored}
    if "languages" in known:
        known["languages"] = tuple(known["languages"])
    if "steps" in known:
        known["steps"] = steps_from_stored(known["steps"])
    return Community(**known)


def ordered(languages: Sequence[str], main: str) -> list[str]:
    """Put the main language first; Refused("invalid") when it is none of those offered."""
    if languages and main not in languages:
        raise _refuse("main", "The main language is one of those offered.")
    return sorted(languages, key=lambda language: language != main)


def checked(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Check changes and give them as they are stored; Refused("invalid") names the field."""
    checks = {
        "name": _name,
        "logo": _logo,
        "accent": _accent,
        "languages": _languages,
        "joining": _joining,
        "guests": _guests,
        "texts": _texts,
    }
    unknown = set(changes) - set(checks)
    if unknown:
        raise Refused("invalid", f"There is no setting called {sorted(unknown)[0]}.")
    return {name: checks[name](value) for name, value in changes.items()}


def _refuse(name: str, sentence: str) -> Refused:
    return Refused("invalid", sentence, field=name)


def _name(value: Any) -> str:
    name = " ".join(str(value).split())
    if not 1 <= len(name) <= MOST_NAME or not name.isprintable():
        raise _refuse("name", f"A community's name has 1 to {MOST_NAME} characters.")
    return name


def _logo(value: Any) -> str:
    if value != "" and not re.fullmatch(r"[a-z0-9-]{1,80}\.(png|jpg|webp)", str(value)):
        raise _refuse("logo", "The logo is a PNG, JPEG or WebP picture that was uploaded here.")
    return str(value)


def _accent(value: Any) -> str:
    accent = colour.parse(str(value))
    failing = [pair for pair in colour.check(accent) if not pair.passes]
    if failing:
        nearest = colour.nearest_that_passes(accent)
        worst = min(failing, key=lambda pair: pair.ratio / pair.least)
        raise Refused(
            "invalid",
            f"{accent} is too pale to read: {worst.ratio:.1f}:1 where {worst.least:g}:1 is needed. "
            f"The nearest that works is {nearest}.",
            field="accent",
            nearest=nearest,
        )
    return accent


def _languages(value: Any) -> list[str]:
    chosen = list(dict.fromkeys(value)) if isinstance(value, list | tuple) else []
    if not chosen or any(language not in LANGUAGES for language in chosen):
        raise _refuse("languages", "Choose at least one of the languages offered.")
    return chosen


def _joining(value: Any) -> str:
    if value not in ("everyone", "nobody"):
        raise _refuse("joining", "Who may join is either everyone or nobody.")
    return str(value)


def _guests(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _refuse("guests", "Whether guests may write is yes or no.")
    return value


def _texts(value: Any) -> dict[str, str]:
    names = {f"{page}.{language}" for page in PAGES for language in LANGUAGES}
    if not isinstance(value, Mapping) or not set(value) <= names:
        raise _refuse("texts", "There is no such page or language.")
    texts = {name: str(text).replace("\r\n", "\n").strip() for name, text in value.items()}
    if any(len(text) > MOST_TEXT or "\0" in text for text in texts.values()):
        raise _refuse("texts", f"A page has at most {MOST_TEXT} characters.")
    return texts
