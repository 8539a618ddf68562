"""The frame reader against RFC 6455 and against websockets' own parser."""

from __future__ import annotations

import random
import struct

import pytest
from websockets.exceptions import ProtocolError
from websockets.frames import Close, Frame, Opcode
from websockets.protocol import OPEN, SERVER, Protocol

from server.websocket_frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    FAIL,
    NO_STATUS,
    PING,
    PING_FRAME,
    PONG,
    TEXT,
    Event,
    FrameReader,
    binary_frame,
    close_code,
    close_frame,
    may_be_sent,
    pong_frame,
    text_frame,
)

LIMIT = 70_000


def sent(opcode: int, payload: bytes = b"", *, final: bool = True) -> bytes:
    """Give a frame as a client sends it."""
    return Frame(Opcode(opcode), payload, fin=final).serialize(mask=True)


def read(data: bytes, *, limit: int = LIMIT, step: int | None = None) -> list[Event]:
    reader = FrameReader(limit)
    step = step or max(len(data), 1)
    return [e for i in range(0, len(data), step) for e in reader.feed(data[i : i + step])]


def failure(events: list[Event]) -> int:
    """Give the code with which the last event fails the connection."""
    opcode, payload = events[-1]
    assert opcode == FAIL
    return close_code(payload)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_message_of_any_length_form_is_read_whole(opcode: int, size: int) -> None:
    payload = b"x" * size

    assert read(sent(opcode, payload)) == [(opcode, payload)]


def test_a_frame_fed_byte_by_byte_is_the_same_message() -> None:
    payload = "広場 — ตลาด 🛍".encode() * 30

    assert read(sent(TEXT, payload), step=1) == [(TEXT, payload)]


def test_control_frames_inside_a_fragmented_message_come_first() -> None:
    data = (
        sent(TEXT, b"one ", final=False)
        + sent(PING, b"p")
        + sent(CONTINUATION, b"two ", final=False)
        + sent(PONG, b"q")
        + sent(CONTINUATION, b"three")
    )

    for step in (None, 1):
        events = read(data, step=step)
        assert events == [(PING, b"p"), (PONG, b"q"), (TEXT, b"one two three")]


def test_a_message_of_empty_fragments_is_empty() -> None:
    data = sent(BINARY, final=False) + sent(CONTINUATION, final=False) + sent(CONTINUATION)

    assert read(data) == [(BINARY, b"")]


def test_a_character_may_be_split_between_fragments() -> None:
    encoded = "🛍".encode()
    data = sent(TEXT, encoded[:1], final=False) + sent(CONTINUATION, encoded[1:])

    assert read(data) == [(TEXT, encoded)]


@pytest.mark.parametrize(
    "payload",
    [
        b"\xff",
        b"\xc0\xaf",
        b"\xe0\x80\xaf",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"fine\xce",
        b"\xf8\x88\x80\x80\x80",
    ],
)
def test_text_that_is_not_utf8_fails_with_1007(payload: bytes) -> None:
    assert failure(read(sent(TEXT, payload))) == 1007
    assert failure(read(sent(TEXT, payload), step=1)) == 1007
    assert read(sent(BINARY, payload)) == [(BINARY, payload)]


def test_bad_text_fails_before_its_frame_is_complete() -> None:
    frame = sent(TEXT, b"ok\xed\xa0\x80" + b"x" * 500)

    assert failure(FrameReader(LIMIT).feed(frame[: 8 + 5])) == 1007


def test_bad_text_fails_in_the_fragment_that_breaks_it() -> None:
    reader = FrameReader(LIMIT)

    assert reader.feed(sent(TEXT, "広".encode()[:2], final=False)) == []
    assert failure(reader.feed(sent(CONTINUATION, b"x", final=False))) == 1007


def test_text_that_ends_inside_a_character_fails_with_the_last_fragment() -> None:
    reader = FrameReader(LIMIT)

    assert reader.feed(sent(TEXT, "広".encode()[:2], final=False)) == []
    assert failure(reader.feed(sent(CONTINUATION))) == 1007


def test_a_size_above_the_limit_fails_as_soon_as_it_is_announced() -> None:
    header = sent(BINARY, b"x" * 200)[:4]

    assert failure(read(header, limit=199)) == 1009
    assert read(header, limit=200) == []


def test_the_limit_counts_all_fragments_of_a_message() -> None:
    data = sent(BINARY, b"x" * 60, final=False) + sent(CONTINUATION, b"x" * 60, final=False)

    assert read(data, limit=120) == []
    assert failure(read(data + sent(CONTINUATION, b"x"), limit=120)) == 1009
    assert read(data + sent(CONTINUATION), limit=120) == [(BINARY, b"x" * 120)]


def test_the_limit_starts_again_with_each_message() -> None:
    assert read(sent(BINARY, b"x" * 100) * 3, limit=100) == [(BINARY, b"x" * 100)] * 3


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x81\x01x", id="no mask"),
        pytest.param(b"\xc1\x80\0\0\0\0", id="first reserved bit"),
        pytest.param(b"\xa1\x80\0\0\0\0", id="second reserved bit"),
        pytest.param(b"\x91\x80\0\0\0\0", id="third reserved bit"),
        pytest.param(b"\x83\x80\0\0\0\0", id="reserved data opcode"),
        pytest.param(b"\x8b\x80\0\0\0\0", id="reserved control opcode"),
        pytest.param(b"\x09\x80\0\0\0\0", id="fragmented ping"),
        pytest.param(b"\x89\xfe\0\x7e\0\0\0\0", id="long ping"),
        pytest.param(b"\x80\x80\0\0\0\0", id="continuation of nothing"),
        pytest.param(sent(TEXT, b"a", final=False) + sent(TEXT, b"b"), id="message in a message"),
        pytest.param(b"\x82\xfe\0\x7d\0\0\0\0", id="16-bit length for 125"),
        pytest.param(b"\x82\xff\0\0\0\0\0\0\xff\xff", id="64-bit length for 65,535"),
        pytest.param(b"\x82\xff\x80\0\0\0\0\0\0\0", id="64-bit length with its highest bit"),
        pytest.param(sent(CLOSE, b"x"), id="half a close code"),
    ],
)
def test_a_broken_frame_fails_with_1002(data: bytes) -> None:
    good = sent(TEXT, b"before")

    assert read(data)[-1][0] == FAIL
    assert failure(read(data)) == 1002
    assert failure(read(data, step=1)) == 1002
    if not data.startswith(b"\x01"):
        assert read(good + data)[0] == (TEXT, b"before")


@pytest.mark.parametrize("first", [0x83, 0x8B, 0xC1, 0x80, 0x09])
def test_a_broken_first_byte_fails_alone(first: int) -> None:
    assert failure(read(bytes([first]))) == 1002


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1011, 1014, 3000, 3999, 4000, 4999])
def test_a_close_with_a_code_that_may_be_sent_is_read(code: int) -> None:
    payload = Close(code, "さようなら").serialize()

    assert read(sent(CLOSE, payload)) == [(CLOSE, payload)]
    assert close_code(payload) == code
    assert may_be_sent(code)


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2999, 5000, 65_535])
def test_a_close_with_another_code_fails_with_1002(code: int) -> None:
    assert failure(read(sent(CLOSE, struct.pack("!H", code)))) == 1002
    assert not may_be_sent(code)


def test_a_close_whose_reason_is_not_utf8_fails_with_1007() -> None:
    assert failure(read(sent(CLOSE, b"\x03\xe8\xff"))) == 1007


def test_an_empty_close_has_no_status() -> None:
    assert read(sent(CLOSE)) == [(CLOSE, b"")]
    assert close_code(b"") == NO_STATUS


def test_nothing_is_read_after_a_close() -> None:
    reader = FrameReader(LIMIT)

    assert reader.feed(sent(CLOSE) + sent(TEXT, b"late")) == [(CLOSE, b"")]
    assert reader.feed(sent(TEXT, b"later")) == []


def test_nothing_is_read_after_a_failure() -> None:
    reader = FrameReader(LIMIT)

    assert [opcode for opcode, _ in reader.feed(b"\x83" + sent(TEXT, b"late"))] == [FAIL]
    assert reader.feed(sent(TEXT, b"later")) == []


def test_a_normal_close_inside_an_incomplete_message_stays_normal() -> None:
    data = sent(TEXT, b"never ", final=False) + sent(CLOSE, struct.pack("!H", 1000))

    ((opcode, payload),) = read(data)

    assert (opcode, close_code(payload)) == (CLOSE, 1000)


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
def test_what_is_built_is_what_websockets_builds(size: int) -> None:
    payload = b"p" * size

    assert text_frame(payload) == Frame(Opcode.TEXT, payload).serialize(mask=False)
    assert binary_frame(payload) == Frame(Opcode.BINARY, payload).serialize(mask=False)


def test_control_frames_are_what_websockets_builds() -> None:
    close = Close(4001, "draining").serialize()

    assert Frame(Opcode.PING, b"").serialize(mask=False) == PING_FRAME
    assert pong_frame(b"abc") == Frame(Opcode.PONG, b"abc").serialize(mask=False)
    assert close_frame(4001, "draining") == Frame(Opcode.CLOSE, close).serialize(mask=False)
    assert close_frame(NO_STATUS) == Frame(Opcode.CLOSE, b"").serialize(mask=False)


def test_a_long_reason_is_cut_between_characters() -> None:
    frame = close_frame(4502, "場" * 100)

    assert len(frame) == 2 + 2 + 41 * 3
    assert frame[4:].decode() == "場" * 41


def reference(data: bytes) -> tuple[list[Event], int | None]:
    """Read the same bytes with websockets, which leaves joining the fragments to its caller."""
    protocol = Protocol(SERVER, state=OPEN, max_size=LIMIT)
    protocol.receive_data(data)
    events: list[Event] = []
    parts: list[bytes] = []
    opcode = 0
    for frame in protocol.events_received():
        assert isinstance(frame, Frame)
        if frame.opcode in (Opcode.PING, Opcode.PONG, Opcode.CLOSE):
            events.append((int(frame.opcode), bytes(frame.data)))
            continue
        opcode = int(frame.opcode) or opcode
        parts.append(bytes(frame.data))
        if frame.fin:
            events.append((opcode, b"".join(parts)))
            parts = []
    broken = protocol.parser_exc
    return events, 1002 if isinstance(broken, ProtocolError) else None


def random_stream(rng: random.Random) -> bytes:
    """Give a stream of valid frames, fragmented and interleaved with control frames."""
    out = bytearray()
    for _ in range(rng.randrange(1, 8)):
        text = "".join(rng.choice("aé広🛍") for _ in range(rng.choice([0, 3, 60, 400]))).encode()
        cuts = sorted(rng.randrange(len(text) + 1) for _ in range(rng.choice([0, 0, 1, 4])))
        pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        for index, piece in enumerate(pieces):
            opcode = CONTINUATION if index else rng.choice([TEXT, BINARY])
            out += sent(opcode, piece, final=index == len(pieces) - 1)
            if rng.random() < 0.3:
                out += sent(rng.choice([PING, PONG]), rng.randbytes(rng.randrange(126)))
    if rng.random() < 0.5:
        out += sent(CLOSE, rng.choice([b"", Close(1000, "bye").serialize()]))
    return bytes(out)


@pytest.mark.parametrize("seed", range(60))
def test_any_split_of_a_valid_stream_gives_what_websockets_reads(seed: int) -> None:
    rng = random.Random(seed)
    stream = random_stream(rng)
    expected, broken = reference(stream)
    reader = FrameReader(LIMIT)

    events: list[Event] = []
    position = 0
    while position < len(stream):
        size = rng.choice([1, 2, 3, 7, 50, 300])
        events += reader.feed(stream[position : position + size])
        position += size

    assert broken is None
    assert events == expected


@pytest.mark.parametrize("seed", range(60))
def test_a_damaged_stream_never_raises_and_is_the_same_however_it_is_split(seed: int) -> None:
    rng = random.Random(seed)
    stream = bytearray(random_stream(rng))
    for _ in range(rng.randrange(1, 4)):
        stream[rng.randrange(len(stream))] ^= 1 << rng.randrange(8)

    at_once, byte_by_byte = read(bytes(stream)), read(bytes(stream), step=1)

    assert at_once == byte_by_byte
