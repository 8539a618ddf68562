"""Gives the words of a piece of HTML, in time that grows with its length only."""

from __future__ import annotations

import html
import re

_BLOCK = re.compile("p|div|br|li|ul|ol|tr|table|h[1-6]|section|article|hr|dt|dd")
_HIDDEN = frozenset(("script", "style", "template", "iframe"))
_NAME = re.compile(r"/?([A-Za-z][A-Za-z0-9]*)")


def words_of_html(source: str) -> str:
    """Strip tags and what they hide; blocks become lines."""
    first, *rest = source.split("<")
    said = [first]
    hidden = ""
    for part in rest:
        tag, closed, tail = part.partition(">")
        name = _NAME.match(tag)
        if not closed or (name is None and not tag.startswith(("!", "?"))):
            said.append("" if hidden else f"<{part}")
            continue
        word = name[1].lower() if name else ""
        if hidden:
            hidden = "" if tag.startswith("/") and word == hidden else hidden
        elif word in _HIDDEN and not tag.startswith("/"):
            hidden = word
        if not hidden:
            said.append(("\n" if _BLOCK.fullmatch(word) else "") + tail)
    text = html.unescape("".join(said))
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return "\n".join(line for line in lines if line)
