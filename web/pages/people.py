"""How a person is drawn where there is no picture: a colour, one or two letters, a role."""

from __future__ import annotations

HUES = 12
THAI_CONSONANTS = range(0x0E01, 0x0E2F)
ROLES = ((60, "owner"), (50, "host"), (40, "moderator"), (20, "member"), (10, "guest"))


def hue(person: str) -> int:
    """Give a stable colour step 0-11 for a person; `core/people.js` counts the same."""
    total = 0
    for letter in person:
        total = (total * 31 + ord(letter)) & 0xFFFFFFFF
    return total % HUES


def initials(name: str) -> str:
    """Give the letter of an avatar; two consonants in Thai, where one can look like a Latin u."""
    if name and 0x0E00 <= ord(name[0]) <= 0x0E7F:
        consonants = [letter for letter in name if ord(letter) in THAI_CONSONANTS]
        if consonants:
            return "".join(consonants[:2])
    return name[:1]


def role_of(rank: int) -> str:
    """Name the role of a rank as the wire does."""
    return next((name for least, name in ROLES if rank >= least), "reader")
