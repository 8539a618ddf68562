"""What the doctor found, one line each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    ok: bool
    about: str
    text: str


def good(about: str, text: str) -> Finding:
    """Note that something is as it should be."""
    return Finding(True, about, text)


def wrong(about: str, text: str) -> Finding:
    """Note that something has to be mended; the text says how."""
    return Finding(False, about, text)
