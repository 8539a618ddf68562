"""Finds the words of a community's list in a text, however they are spelt; linear in the text."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from moderation.disguise import Disguises
from moderation.folding import SPACE, SYMBOL, UNSPACED, Folded, fold
from moderation.patterns import (
    Match,
    Pattern,
    Word,
    kana_kind,
    same_runs,
)

MAX_WORD = 60
"""Code points of one word or phrase."""
_TOKEN = re.compile("a+|r+")
_ARTICLES = ("وال", "بال", "فال", "كال", "ال", "لل")
_SEPARATORS = frozenset(" -'’._")
_TAILS = frozenset(
    map(
        chr, [0xE31, *range(0xE33, 0xE3B), 0xE45, *range(0xE47, 0xE4F), 0xEB1, *range(0xEB3, 0xEBD)]
    )
) | {"\u3099", "\u309a"}
"""Vowel and tone signs: what stands before one is not the end of a syllable."""


class WordList:
    """The compiled list. Words of scripts with spaces match whole, the others anywhere."""

    def __init__(self, words: Iterable[Word] = ()) -> None:
        """Compile `words`; those that fold to nothing are left out."""
        self._tokens: dict[str, list[Pattern]] = defaultdict(list)
        self._beginnings: dict[str, list[Pattern]] = defaultdict(list)
        self._phrases: dict[str, list[tuple[Pattern, ...]]] = defaultdict(list)
        self._inner: dict[str, list[Pattern]] = defaultdict(list)
        lengths: dict[str, set[int]] = defaultdict(set)
        self.size = 0
        for word in words:
            self._add(word, lengths)
        self._lengths = {head: tuple(sorted(found)) for head, found in lengths.items()}
        self._beginning_lengths = sorted({len(key) for key in self._beginnings})
        heads = "".join(sorted({head[0] for head in self._lengths}))
        self._head = re.compile(f"[{re.escape(heads)}]") if heads else None
        self._disguises = Disguises(
            [pattern for patterns in self._tokens.values() for pattern in patterns],
            [pattern for patterns in self._inner.values() for pattern in patterns],
        )

    def find(self, text: str) -> list[Match]:
        """Give every word in `text` that no allowed word covers, in order of its place."""
        if not self.size:
            return []
        folded = fold(text)
        found = set(self._find_tokens(folded))
        found.update(self._find_inside(folded, text))
        found.update(self._disguises.find(folded))
        allowed = [(match.start, match.end) for match in found if match.word.action == "allow"]
        kept = [
            match
            for match in found
            if match.word.action != "allow"
            and not any(start <= match.start and match.end <= end for start, end in allowed)
        ]
        return sorted(kept, key=lambda match: (match.start, -match.end, match.word.text))

    def _add(self, word: Word, lengths: dict[str, set[int]]) -> None:
        bare = word.text.strip()
        any_ending = len(bare) > 1 and bare.endswith("*")
        folded = fold(bare.rstrip("*") if any_ending else bare)
        spots = [match.span() for match in _TOKEN.finditer(folded.classes)]
        if not folded.text.strip():
            return
        self.size += 1
        if _is_spaced(folded):
            patterns = tuple(Pattern.cut(word, folded, start, end) for start, end in spots)
            if "-" in bare:
                joined = fold(bare.replace("-", ""))
                if joined.text.isalnum():
                    self._tokens[joined.text].append(Pattern.whole(word, joined))
            if len(patterns) > 1:
                self._phrases[patterns[0].key].append(patterns)
            elif any_ending:
                self._beginnings[patterns[0].key].append(patterns[0])
            else:
                self._tokens[patterns[0].key].append(patterns[0])
            return
        kana = kana_kind(bare) if sum(folded.runs) <= 3 else ""
        for spelling in _spellings(bare):
            pattern = Pattern.whole(word, fold(spelling), kana)
            self._inner[pattern.key].append(pattern)
            lengths[pattern.key[:2]].add(len(pattern.key))

    def _find_tokens(self, folded: Folded) -> Iterator[Match]:
        spots = [match.span() for match in _TOKEN.finditer(folded.classes)]
        for index, (start, end) in enumerate(spots):
            for cut, key in _readings(folded, start, end):
                for pattern in self._tokens.get(key, ()):
                    if same_runs(pattern.runs, folded.runs, cut):
                        yield _match(pattern, folded, cut, cut + len(key))
                for pattern in self._begun(key):
                    if same_runs(pattern.runs, folded.runs, cut):
                        yield _match(pattern, folded, cut, cut + len(key))
            for phrase in self._phrases.get(folded.text[start:end], ()):
                last = index + len(phrase)
                if last <= len(spots) and _is_phrase(phrase, folded, spots[index:last]):
                    yield _match(phrase[0], folded, start, spots[last - 1][1])

    def _begun(self, key: str) -> Iterator[Pattern]:
        for length in self._beginning_lengths:
            if length > len(key):
                return
            yield from self._beginnings.get(key[:length], ())

    def _find_inside(self, folded: Folded, text: str) -> Iterator[Match]:
        if self._head is None:
            return
        content = folded.text
        for head in self._head.finditer(content):
            start = head.start()
            for bigram in {content[start : start + 2], content[start]}:
                for length in self._lengths.get(bigram, ()):
                    piece = content[start : start + length]
                    for pattern in self._inner.get(piece, ()) if len(piece) == length else ():
                        if _stands(pattern, folded, start, text):
                            yield _match(pattern, folded, start, start + length)


def _match(pattern: Pattern, folded: Folded, start: int, end: int) -> Match:
    return Match(pattern.word, folded.starts[start], folded.ends[end - 1])


def _spellings(bare: str) -> set[str]:
    """Give the ways to write a word of a script without spaces: with and without spaces in it."""
    closed = re.sub(r"\s", "", bare)
    return {bare, closed, re.sub(r"\s*([^\w\s])\s*", r" \1 ", bare).strip()}


def _is_spaced(folded: Folded) -> bool:
    """Whether a listed word is made of words with spaces around them, and nothing else."""
    if UNSPACED in folded.classes or SYMBOL in folded.classes:
        return False
    return all(
        kind in "ar" or char in _SEPARATORS
        for char, kind in zip(folded.text, folded.classes, strict=True)
    ) and any(kind in "ar" for kind in folded.classes)


def _readings(folded: Folded, start: int, end: int) -> Iterator[tuple[int, str]]:
    """Give the ways to read one token: as it is, without an Arabic article, without digits."""
    key = folded.text[start:end]
    yield start, key
    if folded.classes[start] == "r":
        for article in _ARTICLES:
            if key.startswith(article) and len(key) - len(article) >= 2:
                yield start + len(article), key[len(article) :]
                return
    elif key[-1].isdigit() or key[0].isdigit():
        tail = key.rstrip("0123456789")
        bare = tail.lstrip("0123456789")
        if len(bare) >= 4:
            yield start + len(tail) - len(bare), bare


def _is_phrase(phrase: tuple[Pattern, ...], folded: Folded, spots: list[tuple[int, int]]) -> bool:
    before = spots[0][0]
    for pattern, (start, end) in zip(phrase, spots, strict=True):
        if folded.text[start:end] != pattern.key or start - before > 3:
            return False
        if not same_runs(pattern.runs, folded.runs, start):
            return False
        before = end
    return True


def _stands(pattern: Pattern, folded: Folded, start: int, text: str) -> bool:
    """Whether a word of a script without spaces really stands here."""
    end = start + len(pattern.key)
    kinds = folded.classes
    if not same_runs(pattern.runs, folded.runs, start):
        return False
    if kinds[start] in "ar" and start and kinds[start - 1] in "ar":
        return False
    if end < len(kinds):
        if kinds[end - 1] in "ar" and kinds[end] in "ar":
            return False
        if folded.text[end] in _TAILS:
            return False
    return not pattern.kana or _kana_stands(pattern, folded, start, end, text)


def _kana_stands(pattern: Pattern, folded: Folded, start: int, end: int, text: str) -> bool:
    """Whether a short word of kana is one here, not a part of a longer word.

    Short katakana words are parts of many loan words, and written in the other kana they are
    syllables of anything; so both must stand alone among their like.
    """
    first, last = folded.starts[start], folded.ends[end - 1]
    kind = kana_kind(text[first:last])
    if kind == pattern.kana == "hiragana":
        return True
    before = text[folded.ends[start - 1] - 1] if start else SPACE
    after = text[folded.starts[end]] if end < len(folded.text) else SPACE
    return (kana_kind(text[first]) or "-") != kana_kind(before) and (
        kana_kind(text[last - 1]) or "-"
    ) != kana_kind(after)
