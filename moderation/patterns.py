"""What the word list is compiled to: a word, its folded pattern, and a match in a text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from moderation.folding import Folded

Action = Literal["allow", "hold", "reject"]
_HIRAGANA = re.compile("[\u3041-\u309f]+")
_KATAKANA = re.compile("[\u30a0-\u30ff\uff66-\uff9f]+")


@dataclass(frozen=True, slots=True)
class Word:
    """One entry of the list; a final `*` stands for any ending."""

    text: str
    action: Action = "reject"
    id: int = 0


@dataclass(frozen=True, slots=True)
class Match:
    """A word and the code points of the original text where it stands."""

    word: Word
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Pattern:
    """A folded word; `runs[i]` is how often its character i stands there in a row."""

    word: Word
    key: str
    runs: tuple[int, ...]
    kana: str = ""
    """"hiragana" or "katakana" for a short word of that kana only, which matches more strictly."""

    @classmethod
    def cut(cls, word: Word, folded: Folded, start: int, end: int) -> Pattern:
        """Give the pattern of one part of a folded word."""
        return cls(word, folded.text[start:end], tuple(folded.runs[start:end]))

    @classmethod
    def whole(cls, word: Word, folded: Folded, kana: str = "") -> Pattern:
        """Give the pattern of a whole folded word."""
        return cls(word, folded.text, tuple(folded.runs), kana)


def same_run(wanted: int, there: int) -> bool:
    """Whether a run of letters may be meant: as listed, or drawn out to three and more.

    "good" is not "god" with an o too many, but "gooood" may be either.
    """
    return there == wanted or there > max(wanted, 2)


def same_runs(wanted: Sequence[int], there: Sequence[int], start: int) -> bool:
    """Whether the runs of a text from `start` may be those of a pattern."""
    for index, run in enumerate(wanted, start):
        if there[index] != run and there[index] <= max(run, 2):
            return False
    return True


def kana_kind(text: str) -> str:
    """Give "hiragana" or "katakana" when the text is that only, otherwise an empty string."""
    if _HIRAGANA.fullmatch(text):
        return "hiragana"
    return "katakana" if _KATAKANA.fullmatch(text) else ""
