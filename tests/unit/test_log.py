"""One line an event, whatever the fields contain."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator

import pytest

from server.log import Log, configure


@pytest.fixture
def lines() -> Iterator[Callable[[str], io.StringIO]]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level

    def start(style: str) -> io.StringIO:
        stream = io.StringIO()
        configure("info", style, "gateway-1", stream)
        return stream

    yield start
    root.handlers, root.level = handlers, level


def test_an_event_is_one_line_of_pairs(lines: Callable[[str], io.StringIO]) -> None:
    stream = lines("text")

    Log("x").info("hub.joined", channel="room:1", text='two words "q"', count=3)

    at, line = stream.getvalue().split(" ", 1)
    assert at.endswith("Z")
    assert line == (
        'info hub.joined process=gateway-1 channel=room:1 text="two words \\"q\\"" count=3\n'
    )


@pytest.mark.parametrize("style", ["text", "json"])
def test_a_field_with_line_breaks_stays_on_the_line(
    lines: Callable[[str], io.StringIO], style: str
) -> None:
    stream = lines(style)

    Log("x").info("name\nwith.break", value="a\nb\r\u2028c\x1b[31m\x85")

    assert len(stream.getvalue().splitlines()) == 1
    assert "\x1b" not in stream.getvalue()


def test_json_lines_carry_the_fields_as_they_are(lines: Callable[[str], io.StringIO]) -> None:
    stream = lines("json")

    Log("x").info("hub.joined", count=3, name="広場")

    entry = json.loads(stream.getvalue())
    assert (entry["event"], entry["count"], entry["name"]) == ("hub.joined", 3, "広場")


def test_an_exception_brings_its_trace_on_the_same_line(
    lines: Callable[[str], io.StringIO],
) -> None:
    stream = lines("json")

    try:
        _ = 1 // 0
    except ZeroDivisionError as error:
        Log("x").error("worker.failed", error=error)

    assert len(stream.getvalue().splitlines()) == 1
    entry = json.loads(stream.getvalue())
    assert entry["error"].startswith("ZeroDivisionError")
    assert "test_log.py" in entry["error_trace"]


def test_libraries_log_in_the_same_form(lines: Callable[[str], io.StringIO]) -> None:
    stream = lines("text")

    logging.getLogger("asyncpg").warning("lost %s", "it")

    assert "warning lost it process=gateway-1 logger=asyncpg\n" in stream.getvalue()


def test_what_is_below_the_level_is_left_out(lines: Callable[[str], io.StringIO]) -> None:
    stream = lines("text")

    Log("x").debug("hub.joined")

    assert stream.getvalue() == ""
