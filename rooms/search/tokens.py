"""Cuts text of any script into search tokens; pure, and fast enough for every message written."""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import chain, pairwise

import Stemmer

LONGEST = 60
"""A token is cut at this many characters."""
LONG_WORD = 4
"""Words longer than this also give four-letter grams, so that a typo leaves some of them whole."""
GRAM_MARK = "~"
"""Stands before a gram, so that it never meets a word of four letters."""

_DROPPED = (
    (0xAD, 0x34F, 0x61C, 0x180E, 0xFEFF),
    (
        *range(0x200B, 0x2010),
        *range(0x202A, 0x202F),
        *range(0x2060, 0x2065),
        *range(0x2066, 0x2070),
    ),
    (*range(0xFE00, 0xFE10), *range(0xE0000, 0xE01F0)),
)
"""Soft hyphens and the like; zero-width and bidi controls; variation selectors and tags."""
_THRICE = re.compile(r"(.)\1\1")
_REPEATED = re.compile(r"([^\W\d])\1{2,}")


def _ranges(letters: Iterable[int]) -> str:
    """Give the inside of a regex class of some characters, as ranges."""
    chosen = set(letters)
    starts = sorted(letter for letter in chosen if letter - 1 not in chosen)
    ends = sorted(letter for letter in chosen if letter + 1 not in chosen)
    return "".join(f"{chr(a)}-{chr(b)}" for a, b in zip(starts, ends, strict=True))


def _foldings() -> dict[int, str | None]:
    """Pair each character that means the same as another one with that other one."""
    table: dict[int, str | None] = dict.fromkeys(chain(*_DROPPED))
    for first in (0x0660, 0x06F0, 0x0E50):
        table.update({first + digit: str(digit) for digit in range(10)})
    table.update({kana: chr(kana - 0x60) for kana in range(0x30A1, 0x30F7)})
    table.update({0x30FD: "\u309d", 0x30FE: "\u309e"})
    for letter in (*range(0xC0, 0x250), *range(0x1E00, 0x1F00)):
        base = unicodedata.normalize("NFKD", chr(letter))[0]
        if base.isascii() and base.isalpha():
            table[letter] = base
    return table


_FOLDED = _foldings()
_FOLDABLE = re.compile(f"[{_ranges(_FOLDED)}]")


def normalise(text: str) -> str:
    """Give the form in which two ways of writing the same are equal."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).casefold()
        if not unicodedata.is_normalized("NFKC", text):
            text = unicodedata.normalize("NFKC", text)
        # NFKC takes Thai sara am apart; the cluster rule below knows it whole.
        text = text.replace("\u0e4d\u0e32", "\u0e33")
        if _FOLDABLE.search(text):
            text = text.translate(_FOLDED)
    else:
        text = text.lower()
    # The pattern that looks for anything three times is eight times as fast as the exact one.
    if _THRICE.search(text):
        text = _REPEATED.sub(r"\1", text)
    return text


_MARKS = _ranges(c for c in range(0x300, 0x1E00) if unicodedata.category(chr(c)) in ("Mn", "Mc"))
"""`\\w` alone would cut the words of Indic scripts at each vowel sign."""
_HARAKAT = "\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed\u0640"
_OTHER = "[^\\W_a-z0-9\u0400-\u06ff\u0e00-\u109f\u3005-\u9fff\uac00-\ud7a3]"
_RUNS = re.compile(
    "(?P<word>[a-z0-9]+)"
    "|(?P<han>[\u3005-\u3007\u3041-\u3096\u309d\u309e\u30f7-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U00020000-\U0003ffff]+)"
    "|(?P<thai>[\u0e01-\u0e3a\u0e40-\u0e4e\u0e80-\u0edf\u1000-\u109f\u1780-\u17d3\u17dc\u17dd]+)"
    f"|(?P<arabic>[\u0620-\u063f\u0641-\u064a\u066e-\u06d3\u06d5\u06ee\u06ef\u06fa-\u06ff{_HARAKAT}]+)"
    "|(?P<hangul>[\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3]+)"
    "|(?P<cyrillic>[\u0400-\u0481\u048a-\u052f]+)"
    f"|(?P<other>(?:{_OTHER}[{_MARKS}]*)+)"
)
_CLUSTER = re.compile("[เ-ไ]?[ก-ฮ][ะ-ฺๅ็-๎]{0,20}|.")
"""Bounded, so that two clusters stay within LONGEST."""
_IS_HAN = re.compile("[\u3005-\u3007\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_SOFT = re.compile(f"[{_HARAKAT}]")
_ARABIC_ALIKE = str.maketrans("أإآٱىئؤةکی", "ااااييوهكي")
_local = threading.local()


def _stem(language: str, word: str) -> str:
    """Give the Snowball stem; a stemmer keeps state, so each thread has its own."""
    stemmer = getattr(_local, language, None)
    if stemmer is None:
        stemmer = Stemmer.Stemmer(language, 0)
        setattr(_local, language, stemmer)
    return str(stemmer.stemWord(word))


@lru_cache(maxsize=50_000)
def _word(word: str) -> tuple[str, ...]:
    word = word[:LONGEST]
    stem = _stem("english", word)
    if len(word) <= LONG_WORD:
        return (stem,)
    return (stem, *(GRAM_MARK + word[i : i + 4] for i in range(len(word) - 3)))


@lru_cache(maxsize=50_000)
def _cyrillic(word: str) -> tuple[str, ...]:
    return (_stem("russian", word[:LONGEST]),)


@lru_cache(maxsize=50_000)
def _arabic(word: str) -> tuple[str, ...]:
    word = _SOFT.sub("", word)[:LONGEST].translate(_ARABIC_ALIKE)
    if not word:
        return ()
    padded = f"_{word}_"
    return tuple(padded[i : i + 3] for i in range(len(padded) - 2))


def _pairs(parts: list[str]) -> list[str]:
    if len(parts) == 1:
        return parts
    return [a + b for a, b in pairwise(parts)]


def _hangul(run: str) -> list[str]:
    return [run] if len(run) == 1 else [run[i : i + 2] for i in range(len(run) - 1)]


def _han(run: str) -> list[str]:
    if len(run) == 1:
        return [run]
    return [run[i : i + 2] for i in range(len(run) - 1)] + _IS_HAN.findall(run)


def _thai(run: str) -> list[str]:
    return _pairs(_CLUSTER.findall(run))


def _other(run: str) -> tuple[str, ...]:
    return (run[:LONGEST],)


CUTTERS: dict[str, Callable[[str], list[str] | tuple[str, ...]]] = {
    "word": _word,
    "han": _han,
    "thai": _thai,
    "arabic": _arabic,
    "hangul": _hangul,
    "cyrillic": _cyrillic,
    "other": _other,
}
"""How a run of each script is cut into tokens."""


def runs(normalised: str) -> Iterator[tuple[str, int, int]]:
    """Walk over a normalised text: the script of each run (a key of CUTTERS), start and end."""
    for match in _RUNS.finditer(normalised):
        assert match.lastgroup is not None
        yield match.lastgroup, match.start(), match.end()


def clusters(run: str) -> Iterator[tuple[int, int]]:
    """Walk over the character clusters of a Thai run: start and end of each."""
    for match in _CLUSTER.finditer(run):
        yield match.span()


def tokens(text: str) -> list[str]:
    """Cut a text into tokens, in no promised order, as often as they occur."""
    found: list[str] = []
    for match in _RUNS.finditer(normalise(text)):
        found += CUTTERS[match.lastgroup](match.group())  # type: ignore[index]
    return found
