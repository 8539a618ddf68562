"""A log of lines that people once wrote, one JSON object a line: `ms`, `user`, `text`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from loadtest.errors import CannotRun


class BadLog(CannotRun):
    """The file is not such a log; the text names the line."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the log; `ms` since the first."""

    index: int
    ms: int
    user: str
    text: str


def read(path: Path, most: int | None = None) -> list[Line]:
    """Read the first `most` lines, or all; BadLog where the file is not such a log."""
    lines: list[Line] = []
    try:
        with path.open(encoding="utf-8") as file:
            for number, text in enumerate(file, 1):
                if text.strip():
                    lines.append(_line(len(lines), number, text))
                if len(lines) == most:
                    break
    except (OSError, UnicodeDecodeError) as error:
        raise BadLog(f"{path}: {error}") from None
    if not lines:
        raise BadLog(f"{path}: there is no line in it")
    return lines


def _line(index: int, number: int, text: str) -> Line:
    try:
        value = json.loads(text)
        ms, user, said = value["ms"], value["user"], value["text"]
    except (ValueError, KeyError, TypeError) as error:
        raise BadLog(f"line {number}: {error!r}") from None
    if type(ms) is not int or ms < 0 or not isinstance(user, str) or not isinstance(said, str):
        raise BadLog(f"line {number}: ms is a whole number, user and text are texts")
    return Line(index, ms, user, said)


def by_author(lines: Iterable[Line]) -> dict[str, list[Line]]:
    """Group the lines by their author, each author's in order."""
    authors: dict[str, list[Line]] = {}
    for line in lines:
        authors.setdefault(line.user, []).append(line)
    return authors
