"""Finds links in a text, obfuscated ones too, and tells whether their domain is allowed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from moderation.folding import UNSPACED, class_of, is_invisible

_SURE, _ALSO_WORDS = (
    frozenset(part.split())
    for part in re.sub("#.*", "", Path(__file__).with_name("endings.txt").read_text("utf-8")).split(
        "\n\n"
    )
)
"""Endings of domains; the second ones are words as well, so without http, www or a path they may
be the next sentence."""

_WIDE = r"[^\W_](?:[\w\-]{0,61}[^\W_])?"
_ASCII = r"[a-z0-9](?:[a-z0-9_\-]{0,61}[a-z0-9])?"
_DOT = r"(?:[.。．｡․]|\s?[\[(（{【]\s?(?:[.。．]|dot|ドット|点|نقطة)\s?[\])）}】]\s?)"
_SCHEME = r"(?P<scheme>(?:h[tx]{1,2}ps?|ftp|wss?)\s?:?\s?[/\\]{1,3}|www\d?\.)"
_USER = r"(?P<user>[\w.+\-:%]{1,64}@)"
_REST = r"(?P<port>:\d{2,5})?(?P<path>[/\\?#][^\s<>\"'、。」』）)]{0,400})?"
_FULL = re.compile(
    rf"(?<![a-z0-9]){_SCHEME}{_USER}?(?P<host>{_WIDE}(?:{_DOT}{_WIDE}){{1,9}}){_REST}"
)
_PLAIN = re.compile(
    rf"(?<![a-z0-9\-]){_USER}?(?P<host>{_ASCII}(?:{_DOT}{_ASCII}){{1,9}})(?![a-z0-9]){_REST}"
)
_OWN_SCRIPT = re.compile(
    rf"(?<![\w\-])(?P<host>{_WIDE}(?:{_DOT}{_WIDE}){{0,8}}{_DOT}{_WIDE}){_REST}"
)
_APART = re.compile(
    r"(?<![a-z0-9\-])(?P<name>[a-z0-9\-]{2,63})"
    r"(?:\s{1,3}\.\s{0,3}|\s{0,3}\.\s{1,3}|\s{1,3}dot\s{1,3}|\s?ドット\s?)"
    r"(?P<ending>com|net|org|info|biz|xyz|jp|co\.jp|io|ru|cn|tk|th)(?![a-z0-9])"
)
_MAYBE = re.compile(r"[.。．｡․/\\]|dot|ドット|点|نقطة")
_BRACKETS = re.compile(r"[\[(（{【]")
_BARE_SCHEME = re.compile(r"(?:h[tx]{1,2}ps?)\s?:\s?[/\\]{2,3}\s?(?P<host>[^\s/\\?#]{1,253})")


@dataclass(frozen=True, slots=True)
class Link:
    """A link and the code points of the original text where it stands."""

    host: str
    """Lower case, in ASCII (`xn--…` where needed)."""
    start: int
    end: int


def find_links(text: str) -> list[Link]:
    """Give the links in `text`, in order, none within another; linear in its length."""
    flat, places = _flatten(text)
    if not _MAYBE.search(flat):
        return []
    found: list[Link] = []
    for form in (_FULL, _PLAIN, _OWN_SCRIPT):
        for spot in form.finditer(flat):
            host = "" if _is_glued(form, spot) else _host_of(spot)
            if host:
                found.append(Link(host, places[spot.start()], places[spot.end() - 1] + 1))
    for spot in _APART.finditer(flat):
        host = f"{spot['name']}.{spot['ending']}"
        found.append(Link(host, places[spot.start()], places[spot.end() - 1] + 1))
    for spot in _BARE_SCHEME.finditer(flat):
        host = spot["host"].rpartition("@")[2].partition(":")[0]
        found.append(Link(ascii_host(host), places[spot.start()], places[spot.end() - 1] + 1))
    return _outermost(found)


def is_allowed(host: str, allowed: Collection[str]) -> bool:
    """Whether the host is one of the allowed domains (as `ascii_host` gives them) or below one."""
    parts = host.split(".")
    return any(".".join(parts[cut:]) in allowed for cut in range(len(parts)))


def ascii_host(host: str) -> str:
    """Write a host in lower case ASCII, as it goes into DNS; what cannot be so stays as it is."""
    host = host.strip().strip(".").lower()
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        return host


def _flatten(text: str) -> tuple[str, list[int]]:
    """Fold widths and case, drop what is invisible; with the original place of each character."""
    if text.isascii():
        return text.lower(), list(range(len(text)))
    out: list[str] = []
    places: list[int] = []
    for index, char in enumerate(text):
        if is_invisible(char):
            continue
        for piece in unicodedata.normalize("NFKC", char).lower():
            out.append(piece)
            places.append(index)
    return "".join(out), places


def _host_of(spot: re.Match[str]) -> str:
    """Give the host of a candidate that is a link, otherwise an empty string."""
    parts = spot.groupdict()
    labels = re.split(_DOT, spot["host"])
    ending = labels[-1]
    if all(label.isdigit() for label in labels):
        return ".".join(labels) if parts.get("scheme") and len(labels) == 4 else ""
    if parts.get("scheme"):
        return "" if ending.isdigit() else ascii_host(".".join(labels))
    if not (ending in _SURE or ending in _ALSO_WORDS or ending.startswith("xn--")):
        return ""
    certain = parts.get("user") or parts["path"] or parts["port"] or _BRACKETS.search(spot["host"])
    return ascii_host(".".join(labels)) if certain or ending not in _ALSO_WORDS else ""


def _is_glued(form: re.Pattern[str], spot: re.Match[str]) -> bool:
    """Whether another form reads this spot better.

    In "ぜひexample.com" the Japanese is not part of the host, but in "éxample.com" the é is: a
    look-alike of an allowed domain must not pass for it.
    """
    if form is _PLAIN:
        before = spot.string[spot.start() - 1] if spot.start() else " "
        return before.isalnum() and class_of(before) != UNSPACED
    if form is _OWN_SCRIPT:
        name, ending = re.split(_DOT, spot["host"])[-2:]
        mixed = any(class_of(char) == UNSPACED for char in name)
        return ending.isascii() and (name.isascii() or (mixed and name[-1].isascii()))
    return False


def _outermost(found: list[Link]) -> list[Link]:
    kept: list[Link] = []
    for link in sorted(found, key=lambda link: (link.start, -link.end)):
        if not kept or link.start >= kept[-1].end:
            kept.append(link)
    return kept
