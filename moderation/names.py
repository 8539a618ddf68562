"""Judges names: what shows in them, and whether they pass for somebody else's. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from itertools import groupby

from moderation.folding import LOOK_ALIKES, fold, is_invisible
from moderation.words import WordList

MAX_NAME = 40
"""Code points of a name."""
MAX_MARKS = 3
"""Combining marks in a row; more is only made to spill over other lines."""

_ALIKE = str.maketrans("i|!01345$@7+€一二八力夕口工卜千三", "llloleassatteーにはかたろえとちみ")
_PAIRS = (("rn", "m"), ("vv", "w"))
_OFFICE = frozenset(
    ("admin", "administrator", "host", "mod", "moderator", "official", "owner", "real", "staff")
) | {"support", "team", "the"}
_OFFICE_UNSPACED = (
    "モデレーター", "サポート", "スタッフ", "公式", "運営", "管理人", "管理者", "本物",
    "ทางการ", "แอดมิน", "ของจริง", "الرسمي", "الرسمية", "المشرف", "مشرف",
)  # fmt: skip
_RESERVED = (
    "admin", "administrator", "moderator", "owner", "staff", "support", "system", "official",
    "hiroba", "公式", "運営", "管理人", "管理者", "スタッフ", "モデレーター", "システム",
    "المشرف", "الادارة", "مشرف", "الدعم", "แอดมิน", "ผู้ดูแล", "ผู้ดูแลระบบ", "ทีมงาน",
)  # fmt: skip


def name_key(name: str) -> str:
    """Fold a name so that look-alikes are the same; empty when nothing of it shows."""
    folded = fold(name)
    spelt = "".join(c * run for c, run in zip(folded.text, folded.runs, strict=True))
    plain = spelt.translate(LOOK_ALIKES).translate(_ALIKE)
    letters = "".join(char for char in plain if unicodedata.category(char)[0] in "LNM")
    for pair, single in _PAIRS:
        letters = letters.replace(pair, single)
    return letters or "".join(char for char in plain if not char.isspace())


_RESERVED_KEYS = frozenset(name_key(word) for word in _RESERVED)
_OFFICE_KEYS = tuple(name_key(word) for word in _OFFICE_UNSPACED)


def clean_name(name: str) -> str:
    """Write a name in one way: composed, without spaces around it, inner spaces single."""
    return re.sub(r"\s+", " ", unicodedata.normalize("NFC", name)).strip()


def problem_of(
    name: str, *, words: WordList, staff: Iterable[str] = (), reserved: bool = True
) -> str:
    """Say what is wrong with a cleaned name, in one word; empty when nothing is.

    `staff` are the name keys of the staff; `reserved` whether words of office are kept from it.
    """
    if not name or not name_key(name):
        return "empty"
    if len(name) > MAX_NAME:
        return "too_long"
    if any(is_invisible(char) and char not in "\u200c\u200d" for char in name) or _spills(name):
        return "invisible"
    if words.find(name):
        return "word"
    if reserved and name_key(name) in _RESERVED_KEYS:
        return "reserved"
    if any(resembles(name, key) for key in staff):
        return "resembles_staff"
    return ""


def resembles(name: str, key: str) -> bool:
    """Whether a name may be taken for that of the name key `key`.

    "Nagisa_official", "nagisa 2" and "Ｎａɡіѕа" resemble "Nagisa".
    """
    if not key:
        return False
    bare = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", name)
    parts = re.findall(r"[A-Z]?[a-z]+|[A-Z]+|[^\W_]+", name)
    without_office = "".join(part for part in parts if part.lower() not in _OFFICE)
    keys = {name_key(name), name_key(bare), name_key(without_office)}
    keys |= {_without_office(found) for found in keys}
    return _squeezed(key) in {_squeezed(found) for found in keys}


def _without_office(key: str) -> str:
    for word in _OFFICE_KEYS:
        if len(key) > len(word):
            key = key.removeprefix(word).removesuffix(word)
    return key


def _squeezed(key: str) -> str:
    return "".join(char for char, _ in groupby(key))


def _spills(name: str) -> bool:
    marks = 0
    for char in unicodedata.normalize("NFKD", name):
        marks = marks + 1 if unicodedata.category(char) in ("Mn", "Me") else 0
        if marks > MAX_MARKS:
            return True
    return False
