"""What happened in a run, as records: who posted and saw what, and what was told to be missing."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

Place = tuple[int, int]
"""Epoch and offset."""

ACK: Final = "ack"
REFUSED: Final = "refused"
UNKNOWN: Final = "unknown"


class Line(NamedTuple):
    """One line of a room at its place, as a viewer or the database has it."""

    epoch: int
    offset: int
    id: str
    author: str
    client_message_id: str

    @property
    def place(self) -> Place:
        """Where it stands."""
        return (self.epoch, self.offset)


@dataclass(frozen=True, slots=True)
class Posted:
    """One attempt to post, and its outcome; attempts of one line share client_message_id."""

    client: str
    """The author's id."""
    client_message_id: str
    at: float
    done: float
    """When it was sent and answered, in seconds of the clock that all processes share."""
    outcome: str
    """ACK, REFUSED (with a word), or UNKNOWN: it has happened or not."""
    word: str = ""
    epoch: int = 0
    offset: int = 0
    id: str = ""
    unsaved: bool = False

    @property
    def line(self) -> Line:
        """What was acknowledged."""
        return Line(self.epoch, self.offset, self.id, self.client, self.client_message_id)


@dataclass(frozen=True, slots=True)
class Told:
    """A viewer was told that what lies above `since`, up to `until`, does not come."""

    why: str
    since: Place
    until: Place
    at: float

    def covers(self, place: Place) -> bool:
        """Tell whether a place is among those that do not come."""
        return self.since < place <= self.until


@dataclass(frozen=True, slots=True)
class Resumed:
    """A viewer lost its connection and came back."""

    lost: float
    back: float
    code: int
    """With which close code it was lost."""
    recovered: bool
    """Whether the whole gap came with the answer."""
    tries: int
    """How many connections were opened until one stood."""

    @property
    def seconds(self) -> float:
        """How long the viewer was without the room."""
        return self.back - self.lost


@dataclass(slots=True)
class Watch:
    """All that one viewer saw, in the order in which it came."""

    viewer: str
    start: Place = (0, 0)
    """Where it stood when it had come in: later lines are due to it."""
    seen: list[Line] = field(default_factory=list)
    times: array[float] = field(default_factory=lambda: array("d"))
    """When each of `seen` came."""
    live: bytearray = field(default_factory=bytearray)
    """For each of `seen` 1 when it came as it happened, 0 when it was recovered."""
    told: list[Told] = field(default_factory=list)
    mutes: list[tuple[str, Place, bool]] = field(default_factory=list)
    """Who was muted (True) or freed (False) at which place."""
    resumed: list[Resumed] = field(default_factory=list)
    opened: array[float] = field(default_factory=lambda: array("d"))
    """When each attempt to connect began."""

    def saw(self, line: Line, at: float, live: bool) -> None:
        """Keep one more line."""
        self.seen.append(line)
        self.times.append(at)
        self.live.append(live)


@dataclass(frozen=True, slots=True)
class Denied:
    """An author may not be heard above a place, once that was answered."""

    author: str
    place: Place
    until: Place | None = None
    """From this place on the author is free again."""


@dataclass(frozen=True, slots=True)
class Lost:
    """What a fault took away: places above `since`, below `until`."""

    since: Place
    until: Place

    def covers(self, place: Place) -> bool:
        """Tell whether a place is among them."""
        return self.since < place < self.until


@dataclass(slots=True)
class History:
    """A whole run, ready for the checker."""

    posted: list[Posted] = field(default_factory=list)
    watches: list[Watch] = field(default_factory=list)
    denied: list[Denied] = field(default_factory=list)
    lost: list[Lost] = field(default_factory=list)
    stored: list[Line] | None = None
    """The rows of the table at the end; None when nobody looked."""
    kept: list[Line] = field(default_factory=list)
    """Rows of the table before the fault."""
    faults: list[tuple[float, str]] = field(default_factory=list)
    """What was done to the servers, and when."""

    def deny_muted(self) -> None:
        """Fill `denied` from the mutes that viewers saw."""
        seen = {mute for watch in self.watches for mute in watch.mutes}
        since: dict[str, Place] = {}
        for author, place, muted in sorted(seen, key=lambda mute: mute[1]):
            if muted:
                since.setdefault(author, place)
            elif author in since:
                self.denied.append(Denied(author, since.pop(author), place))
        self.denied += (Denied(author, place) for author, place in since.items())

    def acknowledged(self) -> list[Posted]:
        """Give the attempts that were acknowledged."""
        return [each for each in self.posted if each.outcome == ACK]

    def write(self, path: Path) -> None:
        """Write everything as JSON, one record a line."""
        with path.open("w", encoding="utf-8") as file:
            for record in self._records():
                file.write(json.dumps(record, ensure_ascii=False) + "\n")

    def _records(self) -> Iterator[dict[str, Any]]:
        for at, fault in self.faults:
            yield {"op": "fault", "at": at, "what": fault}
        for posted in self.posted:
            yield {"op": "post", **asdict(posted)}
        for watch in self.watches:
            yield {"op": "watch", "viewer": watch.viewer, "start": watch.start}
            for line, at, live in zip(watch.seen, watch.times, watch.live, strict=True):
                seen = line._asdict() | {"at": at, "live": bool(live)}
                yield {"op": "seen", "viewer": watch.viewer, **seen}
            for told in watch.told:
                yield {"op": "told", "viewer": watch.viewer, **asdict(told)}
            for resumed in watch.resumed:
                yield {"op": "resumed", "viewer": watch.viewer, **asdict(resumed)}
            for author, place, muted in watch.mutes:
                mute = {"author": author, "place": place, "muted": muted}
                yield {"op": "mute", "viewer": watch.viewer, **mute}
            yield {"op": "opened", "viewer": watch.viewer, "times": list(watch.opened)}
        for denied in self.denied:
            yield {"op": "denied", **asdict(denied)}
        for lost in self.lost:
            yield {"op": "lost", **asdict(lost)}
        for name in ("kept", "stored"):
            for line in getattr(self, name) or ():
                yield {"op": name, **line._asdict()}
        if self.stored is not None:
            yield {"op": "stored all"}


def read(path: Path) -> History:
    """Read what `write` has written."""
    history = History()
    watches: dict[str, Watch] = {}
    with path.open(encoding="utf-8") as file:
        for text in file:
            record = json.loads(text)
            _take(history, watches, record.pop("op"), record)
    history.watches = list(watches.values())
    return history


def _take(history: History, watches: dict[str, Watch], op: str, record: dict[str, Any]) -> None:
    for name in ("start", "since", "until", "place"):
        if isinstance(record.get(name), list):
            record[name] = tuple(record[name])
    name = record.pop("viewer", "")
    watch = watches.setdefault(name, Watch(name)) if name else Watch("")
    match op:
        case "fault":
            history.faults.append((record["at"], record["what"]))
        case "post":
            history.posted.append(Posted(**record))
        case "watch":
            watch.start = record["start"]
        case "seen":
            at, live = record.pop("at"), record.pop("live")
            watch.saw(Line(**record), at, live)
        case "told":
            watch.told.append(Told(**record))
        case "resumed":
            watch.resumed.append(Resumed(**record))
        case "mute":
            watch.mutes.append((record["author"], record["place"], record["muted"]))
        case "opened":
            watch.opened.extend(record["times"])
        case "denied":
            history.denied.append(Denied(**record))
        case "lost":
            history.lost.append(Lost(**record))
        case "kept":
            history.kept.append(Line(**record))
        case "stored" | "stored all":
            history.stored = history.stored or []
            if record:
                history.stored.append(Line(**record))
