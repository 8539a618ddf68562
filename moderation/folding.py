"""Folds text so that spellings of one word look the same, and keeps where each part came from."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

OTHER, SPACE, ALPHABET, SCRIPT, UNSPACED, SYMBOL = "o", " ", "a", "r", "n", "s"
"""Classes of a folded character. ALPHABET: Latin, Greek, Cyrillic, digits; SCRIPT: other scripts
that part words by spaces; UNSPACED: Han, kana, Hangul, Thai and their like; SYMBOL: signs that may
stand for a letter ("$", "@")."""

_VOICED = {"\u3099": "\u3099", "\u309b": "\u3099", "\uff9e": "\u3099"}
_VOICED |= {"\u309a": "\u309a", "\u309c": "\u309a", "\uff9f": "\u309a"}
_SMALL_KANA = str.maketrans("ぁぃぅぇぉっゃゅょゎゕゖ", "あいうえおつやゆよわかけ")
_LATIN = dict(
    zip("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢıłøđħɡɑɩ", "abcdefghijklmnoprstuvwyzilodhgai", strict=True)
)
"""Small capitals and barred letters, which have no decomposition."""
_ARABIC = str.maketrans("ىیۍېےڪکگةۀہھەٮ", "ي" * 5 + "ك" * 3 + "ه" * 5 + "ب")
_INVISIBLE = frozenset("\u115f\u1160\u3164\uffa0\u034f\u17b4\u17b5\u180b\u180c\u180d\u180f")
_BLANK = "\u2800"
_SYMBOLS = frozenset("@$!|+€£")
LOOK_ALIKES = str.maketrans(
    "абвгдезикмнорстухьѕіјԁԛԝһԍӏαβγεηικμνορτυχω",
    "a6brde3nkmhopctyxbsijdqwhgla8yenikmvopruxw",
)
"""Cyrillic and Greek letters, already folded, and what they look like."""
_UNSPACED_RANGES = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1100, 0x11FF),  # Hangul jamo
    (0x1780, 0x17FF),  # Khmer
    (0x3005, 0x3007),
    (0x3040, 0x31FF),  # kana, bopomofo, Hangul compatibility jamo
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xA960, 0xA97F),
    (0xAC00, 0xD7FF),
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)
_ALPHABET_RANGES = (
    (0x0041, 0x058F),
    (0x1C80, 0x1C8F),
    (0x1D00, 0x1FFF),
    (0x2C60, 0x2DFF),
    (0xA640, 0xA7FF),
)


@dataclass(frozen=True, slots=True)
class Folded:
    """Folded text, equal neighbours joined into one, with the way back to the original."""

    text: str
    classes: str
    """One class letter for each character of `text`."""
    runs: list[int]
    """How often the character stood there in a row."""
    starts: list[int]
    ends: list[int]
    """The code points of the original it came from: starts[i] to ends[i], the end excluded."""


def fold(text: str) -> Folded:
    """Fold `text` for matching; linear in its length."""
    out: list[str] = []
    runs: list[int] = []
    starts: list[int] = []
    ends: list[int] = []
    for index, char in enumerate(text):
        if char in _VOICED and out and _voice(out, runs, starts, ends, char, index):
            continue
        for piece in fold_char(char):
            if out and out[-1] == piece and not piece.isdigit():
                runs[-1] += 1
                ends[-1] = index + 1
            else:
                out.append(piece)
                runs.append(1)
                starts.append(index)
                ends.append(index + 1)
    joined = "".join(out)
    return Folded(joined, "".join(map(class_of, out)), runs, starts, ends)


def _voice(
    out: list[str], runs: list[int], starts: list[int], ends: list[int], mark: str, index: int
) -> bool:
    """Join a sound mark with the kana before it; False when there is no such kana."""
    composed = unicodedata.normalize("NFC", out[-1] + _VOICED[mark])
    if len(composed) != 1 or ends[-1] != index:
        return False
    if runs[-1] > 1:
        runs[-1] -= 1
        ends[-1] = index - 1
        start = index - 1
    else:
        start = starts.pop()
        out.pop()
        runs.pop()
        ends.pop()
    if out and out[-1] == composed:
        runs[-1] += 1
        ends[-1] = index + 1
    else:
        out.append(composed)
        runs.append(1)
        starts.append(start)
        ends.append(index + 1)
    return True


_folded_chars: dict[str, str] = {}
_classes: dict[str, str] = {}


def fold_char(char: str) -> str:
    """Give what one character becomes: nothing, or one or more folded characters."""
    known = _folded_chars.get(char)
    if known is None:
        known = _folded_chars[char] = _fold_char(char)
    return known


def _fold_char(char: str) -> str:
    if char in _LATIN:
        return _LATIN[char]
    point = ord(char)
    if 0x1F150 <= point <= 0x1F189 and (point - 0x1F150) % 0x20 < 26:
        return chr(ord("a") + (point - 0x1F150) % 0x20)
    if is_invisible(char) or _is_dropped_mark(char):
        return ""
    if char == _BLANK:
        return " "
    wide = unicodedata.normalize("NFKC", char).casefold()
    return "".join(_fold_simple(piece) for piece in wide)


def _fold_simple(char: str) -> str:
    if char.isspace():
        return " "
    if char.isdigit() and not char.isascii():
        return str(unicodedata.digit(char, char))
    if "\u30a1" <= char <= "\u30f6":
        char = chr(ord(char) - 0x60)
    if "\u3041" <= char <= "\u3096":
        return char.translate(_SMALL_KANA)
    if is_invisible(char) or _is_dropped_mark(char):
        return ""
    if ord(char) < 0x0900 or "\u1e00" <= char <= "\u1fff":
        bare = "".join(c for c in unicodedata.normalize("NFKD", char) if not _is_dropped_mark(c))
        return bare.translate(_ARABIC) if bare else ""
    return char


def is_invisible(char: str) -> bool:
    """Whether a character shows nothing itself: zero width, direction control, filler."""
    if char in _INVISIBLE:
        return True
    return unicodedata.category(char) in ("Cf", "Cc") and not char.isspace()


def _is_dropped_mark(char: str) -> bool:
    """Whether it is an accent, an Arabic or Hebrew vowel sign, tatweel, a variation selector."""
    point = ord(char)
    if char == "\u0640":
        return True
    if unicodedata.category(char) not in ("Mn", "Me"):
        return False
    return (
        point < 0x0900
        or 0x1AB0 <= point <= 0x1AFF
        or 0x1DC0 <= point <= 0x1DFF
        or 0x20D0 <= point <= 0x20FF
        or 0xFE00 <= point <= 0xFE2F
        or point >= 0xE0000
    )


def class_of(char: str) -> str:
    """Give the class letter of a folded character."""
    known = _classes.get(char)
    if known is None:
        known = _classes[char] = _class_of(char)
    return known


def _class_of(char: str) -> str:
    if char == " ":
        return SPACE
    if char in _SYMBOLS:
        return SYMBOL
    point = ord(char)
    if any(low <= point <= high for low, high in _UNSPACED_RANGES):
        return UNSPACED
    category = unicodedata.category(char)
    if category == "Nd" and char.isascii():
        return ALPHABET
    if category[0] not in "LM":
        return OTHER
    if any(low <= point <= high for low, high in _ALPHABET_RANGES):
        return ALPHABET
    return SCRIPT
