"""The table of pushes: complete, named alike, built as described, and known to the browser."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, get_type_hints

import msgpack
import pytest

from rooms import events as rooms
from rooms.rules import Broadcast, Kind, Pin, Room, State
from server.context import Viewer
from web import events
from web.schema import fields, json_schema, schema_of, shapes

VIEWER = Viewer("m5", "Aoi", 20)
ROOM = Room("42", Kind.LIVE, "tea", "Tea")
SHOWING = Broadcast(
    id="7",
    room_id="42",
    room_slug="tea",
    room_title="Tea",
    title="Evening",
    about="",
    host_id="m1",
    host_name="Yui",
    state=State.LIVE,
    video_kind="hls",
    video_url="https://v.example/a.m3u8",
    poster_url="",
    upright=True,
    starts_at=datetime(2025, 11, 21, tzinfo=UTC),
)
SAMPLES: dict[type, Any] = {
    str: "x",
    int: 1,
    bool: True,
    Viewer: VIEWER,
    Room: ROOM,
    Broadcast: SHOWING,
    rooms.Author: rooms.author_of(VIEWER),
    Mapping[str, int]: {"heart": 3},
    Pin: Pin("AZqlWmq7cAC_AAAAAAAAAA", "m5", "Aoi", 20, "hello"),
}


def sample(event: type) -> dict[str, Any]:
    """Build a push with the function of the same name and arguments of the right types."""
    name = events.names_of(event)[0].replace(".", "_")
    build = getattr(rooms, name)
    hints = get_type_hints(build)
    needed = [p for p in inspect.signature(build).parameters.values() if p.default is p.empty]
    body: dict[str, Any] = build(**{p.name: SAMPLES[hints[p.name]] for p in needed})
    return body


def test_the_browsers_types_are_those_of_the_python_definitions() -> None:
    assert events.TARGET.read_text(encoding="utf-8") == events.declarations(), (
        "run `python -m web.events`"
    )


def test_every_push_has_its_own_name_in_the_past_tense() -> None:
    names = [name for event in events.EVENTS for name in events.names_of(event)]

    assert len(set(names)) == len(names)
    for name in names:
        assert re.fullmatch(r"[a-z]+(\.[a-z_]+)?", name), name


@pytest.mark.parametrize("event", rooms.PUSHES, ids=lambda event: event.__name__)
def test_what_is_built_is_what_is_described(event: type) -> None:
    body = sample(event)

    described = fields(event)

    assert body["event"] in events.names_of(event)
    assert set(body) <= set(described)
    assert {name for name, (_, absent) in described.items() if not absent} <= set(body)
    assert msgpack.unpackb(rooms.packed(body)) == body


def test_every_type_of_the_table_can_be_described_as_json_schema() -> None:
    described = {shape.__name__: json_schema(shape) for shape in shapes(events.EVENTS)}

    references = re.findall(r"#/components/schemas/(\w+)", str(described))

    assert set(references) <= set(described)
    assert described["CommentPosted"]["required"] == [
        *("event", "id", "author", "text", "client_message_id")
    ]
    assert schema_of(int | None) == {"type": ["integer", "null"]}


def test_a_room_is_described_with_its_broadcast() -> None:
    info = rooms.room_info(Room("42", Kind.LIVE, "tea", "Tea", broadcast=SHOWING))

    assert info["broadcast"] is not None
    assert info["broadcast"]["starts_at"] == 1_763_683_200_000
    assert set(info) == set(fields(rooms.RoomInfo))
