"""Turns the bytes of a file into text: says which encoding it has, and never guesses in silence."""

from __future__ import annotations

import codecs
import re

from rooms.shop.catalogue.imports.found import unreadable

ENCODINGS = {
    "utf-8": "utf-8",
    "utf-16": "utf-16",
    "shift_jis": "cp932",
    "windows-1252": "cp1252",
}
"""What may be chosen, by the name that is shown, with Python's codec."""
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig", "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16", "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "utf-16"),
)
_KANA = re.compile("[\u3041-\u3096\u30a1-\u30fa]")


def decode(data: bytes, chosen: str = "") -> tuple[str, str]:
    """Give the text and the name of its encoding.

    Raises Refused `invalid`: `encoding` when the bytes are not in the one that was chosen,
    `encoding_unknown` when it has to be chosen, `binary` for what is no text.
    """
    for mark, codec, name in _MARKS:
        if data.startswith(mark):
            return _strict(data, codec, name), name
    if chosen:
        if chosen not in ENCODINGS:
            raise unreadable("encoding", encoding="")
        return _strict(data, _of_utf16(data, ENCODINGS[chosen]), chosen), chosen
    wide = _of_utf16(data, "")
    if wide:
        return _strict(data, wide, "utf-16"), "utf-16"
    if b"\x00" in data:
        raise unreadable("binary")
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        pass
    try:
        text = data.decode("cp932")
    except UnicodeDecodeError:
        raise unreadable("encoding_unknown") from None
    # Nearly any bytes are Shift_JIS of some kind; kana are what Latin text does not turn into.
    if len(_KANA.findall(text)) * 50 < len(text) or not _KANA.search(text):
        raise unreadable("encoding_unknown")
    return text, "shift_jis"


def _strict(data: bytes, codec: str, name: str) -> str:
    try:
        text = data.decode(codec)
    except UnicodeDecodeError:
        raise unreadable("encoding", encoding=name) from None
    if "\x00" in text:
        raise unreadable("binary")
    return text


def _of_utf16(data: bytes, otherwise: str) -> str:
    """Tell UTF-16 without a mark by the zero bytes beside Latin letters."""
    if otherwise not in ("", "utf-16"):
        return otherwise
    head = data[:2000]
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if odd > len(head) // 5 and even == 0:
        return "utf-16-le"
    if even > len(head) // 5 and odd == 0:
        return "utf-16-be"
    return otherwise and "utf-16-le"
