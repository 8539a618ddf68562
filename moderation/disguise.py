"""Finds words that hide: digits and signs for letters, letters set apart, a letter masked."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from moderation.folding import LOOK_ALIKES, Folded
from moderation.patterns import Match, Pattern, same_run

_STANDS_FOR = {
    "0": "o", "1": "il", "3": "e", "4": "a", "5": "s", "6": "b", "7": "t", "8": "b", "9": "g",
    "@": "a", "$": "s", "!": "il", "|": "il", "+": "t", "€": "e", "£": "l",
}  # fmt: skip
_SKELETON = str.maketrans("01345678 9@$!|+€£i".replace(" ", ""), "oleasbtbgaslltell")
_PLAIN = re.compile("[a-z]*")
_LETTERS = re.compile("[^\\W\\d]|@\\$")
_SOLID = re.compile("[as]+")
_APART = re.compile("(?<![asnr])[asnr](?:[o ]{1,3}[asnr])+(?![asnr])")
_JOINED = re.compile("[as]+(?:o[as]+)+")
_JOINERS = frozenset(".-_*·~/\\,…")
_MASKED = re.compile(r"(?<![\w*])[a-z]+(?:\*[a-z]+)+(?![\w*])")
_EDGES = "!|+@"


@dataclass(frozen=True, slots=True)
class _Unit:
    """One character of a folded text: what it may stand for, how often, and where it is."""

    letters: str
    skeleton: str
    run: int
    at: int


class Disguises:
    """The compiled list, looked up by skeleton: signs, look-alikes and i/l are as one letter."""

    def __init__(self, tokens: Iterable[Pattern], inner: Iterable[Pattern]) -> None:
        """Compile the words of alphabets (`tokens`) and those without spaces (`inner`)."""
        self._skeletons: dict[str, list[Pattern]] = defaultdict(list)
        self._masks: dict[tuple[int, str, str], list[Pattern]] = defaultdict(list)
        self._inner: dict[str, list[Pattern]] = defaultdict(list)
        lengths: dict[str, set[int]] = defaultdict(set)
        for pattern in tokens:
            skeleton = _squeeze(pattern.key.translate(_SKELETON))
            self._skeletons[skeleton].append(pattern)
            if sum(pattern.runs) >= 3:
                lengths[skeleton[:2]].add(len(skeleton))
                mask = (sum(pattern.runs), pattern.key[0], pattern.key[-1])
                self._masks[mask].append(pattern)
        for pattern in inner:
            self._inner[pattern.key].append(pattern)
            lengths[pattern.key[:2]].add(len(pattern.key))
        self._lengths = {head: tuple(sorted(found)) for head, found in lengths.items()}

    def find(self, folded: Folded) -> Iterator[Match]:
        """Give the words that hide in a text."""
        kinds, text = folded.classes, folded.text
        for spot in _SOLID.finditer(kinds):
            start, end = spot.span()
            if not _PLAIN.fullmatch(text, start, end):
                yield from self._find_signs(folded, start, end)
        if "o" in kinds or " " in kinds:
            for spot in _APART.finditer(kinds):
                yield from self._find_apart(folded, *spot.span())
        if "o" in kinds:
            for spot in _JOINED.finditer(kinds):
                yield from self._find_joined(folded, *spot.span())
        if "*" in text:
            for mask in _MASKED.finditer(text):
                yield from self._find_masked(folded, *mask.span())

    def _find_signs(self, folded: Folded, start: int, end: int) -> Iterator[Match]:
        """Look for "a$$" and "f4ke": letters among which some are signs."""
        text = folded.text
        spans = [(start, end)]
        for _ in range(3):
            if end - 1 > start and text[end - 1] in _EDGES:
                end -= 1
                spans.append((start, end))
        for _ in range(3):
            if start < end - 1 and text[start] in _EDGES:
                start += 1
                spans.append((start, end))
        for first, last in spans:
            piece = text[first:last]
            if _PLAIN.fullmatch(piece) or not _LETTERS.search(piece):
                continue
            yield from self._whole(_units(folded, range(first, last)), folded)

    def _find_apart(self, folded: Folded, start: int, end: int) -> Iterator[Match]:
        """Look for "b a d": letters each alone; digits alone are sizes and prices."""
        places = [at for at in range(start, end) if folded.classes[at] in "asnr"]
        if any(folded.text[at].isdigit() for at in places):
            return
        units = _units(folded, places)
        groups = _groups(units)
        letters = "".join(group[0].skeleton for group in groups)
        for first in range(len(letters) - 1):
            for length in self._lengths.get(letters[first : first + 2], ()):
                piece = letters[first : first + length]
                if piece not in self._skeletons and piece not in self._inner:
                    continue
                part = [unit for group in groups[first : first + length] for unit in group]
                for pattern in self._skeletons.get(piece, ()):
                    if sum(pattern.runs) >= 3 and _is_same(part, pattern):
                        yield _match(pattern, part, folded)
                for pattern in self._inner.get(piece, ()):
                    if len(part) == len(pattern.key):
                        yield _match(pattern, part, folded)

    def _find_joined(self, folded: Folded, start: int, end: int) -> Iterator[Match]:
        """Look for "f.u-ck": one word with single marks inside, never an apostrophe ("he'll")."""
        places = []
        for at in range(start, end):
            if folded.classes[at] != "o":
                places.append(at)
            elif folded.text[at] not in _JOINERS or folded.runs[at] > 1:
                return
        yield from self._whole(_units(folded, places), folded)

    def _find_masked(self, folded: Folded, start: int, end: int) -> Iterator[Match]:
        """Look for "f*ck": each star stands for one letter."""
        spelt = "".join(folded.text[at] * folded.runs[at] for at in range(start, end))
        if len(spelt) > 30 or len(spelt) - spelt.count("*") < 2:
            return
        for pattern in self._masks.get((len(spelt), spelt[0], spelt[-1]), ()):
            listed = "".join(c * run for c, run in zip(pattern.key, pattern.runs, strict=True))
            if all(a in (b, "*") for a, b in zip(spelt, listed, strict=True)):
                yield Match(pattern.word, folded.starts[start], folded.ends[end - 1])

    def _whole(self, units: Sequence[_Unit], folded: Folded) -> Iterator[Match]:
        skeleton = _squeeze("".join(unit.skeleton for unit in units))
        for pattern in self._skeletons.get(skeleton, ()):
            if _is_same(units, pattern):
                yield _match(pattern, units, folded)


def _match(pattern: Pattern, units: Sequence[_Unit], folded: Folded) -> Match:
    return Match(pattern.word, folded.starts[units[0].at], folded.ends[units[-1].at])


def _squeeze(text: str) -> str:
    return "".join(char for char, _ in groupby(text))


def _units(folded: Folded, places: Iterable[int]) -> list[_Unit]:
    units = []
    for at in places:
        char = folded.text[at].translate(LOOK_ALIKES)
        letters = _STANDS_FOR.get(char, "") + char
        units.append(_Unit(letters, char.translate(_SKELETON), folded.runs[at], at))
    return units


def _groups(units: Sequence[_Unit]) -> list[list[_Unit]]:
    return [list(group) for _, group in groupby(units, key=lambda unit: unit.skeleton)]


def _is_same(units: Sequence[_Unit], pattern: Pattern) -> bool:
    """Whether the units may be meant as the pattern, sign by sign."""
    there = _groups(units)
    listed = list(zip(pattern.key, pattern.runs, strict=True))
    wanted = [list(g) for _, g in groupby(listed, key=lambda part: part[0].translate(_SKELETON))]
    if len(there) != len(wanted):
        return False
    for group, parts in zip(there, wanted, strict=True):
        spelt = "".join(char * run for char, run in parts)
        drawn = [unit.letters for unit in group for _ in range(unit.run)]
        if not same_run(len(spelt), len(drawn)):
            return False
        if len(spelt) == len(drawn):
            if any(char not in letters for char, letters in zip(spelt, drawn, strict=True)):
                return False
        elif any(not set(letters) & set(spelt) for letters in drawn):
            return False
    return True
