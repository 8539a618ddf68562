"""Where a text may be cut without tearing what a reader sees as one character; pure."""

from __future__ import annotations

import unicodedata

JOINER = "\u200d"
THAI_VOWELS_BEFORE = range(0x0E40, 0x0E45)
"""Written before the consonant that they are spoken after."""
LOOK_BACK = 64
"""The most letters that are taken for one character; a longer pile of marks is cut."""


def boundary_before(text: str, at: int) -> int:
    """Give the last place at or before `at` where a text may be cut."""
    least = max(0, at - LOOK_BACK)
    return next((i for i in range(at, least, -1) if _is_boundary(text, i)), least)


def boundary_after(text: str, at: int) -> int:
    """Give the first place at or after `at` where a text may be cut."""
    most = min(len(text), at + LOOK_BACK)
    return next((i for i in range(at, most) if _is_boundary(text, i)), most)


def _is_boundary(text: str, at: int) -> bool:
    if not 0 < at < len(text):
        return True
    before, after = text[at - 1], text[at]
    if JOINER in (before, after) or unicodedata.category(after) in ("Mn", "Mc", "Me"):
        return False
    if ord(before) in THAI_VOWELS_BEFORE or after in "\u0e33\u0eb3\uff9e\uff9f":
        return False
    if "\U0001f3fb" <= after <= "\U0001f3ff" or "\u1160" <= after <= "\u11ff":
        return False
    return not (_is_flag(after) and _flags_before(text, at) % 2)


def _is_flag(letter: str) -> bool:
    return "\U0001f1e6" <= letter <= "\U0001f1ff"


def _flags_before(text: str, at: int) -> int:
    """Count the letters of flags that end here: every two of them are one flag."""
    start = at
    while start > 0 and _is_flag(text[start - 1]):
        start -= 1
    return at - start
