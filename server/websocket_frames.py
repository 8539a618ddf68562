"""Frames of RFC 6455 as a server sends and reads them, without I/O."""

from __future__ import annotations

import codecs
from typing import Final

try:
    from websockets.speedups import apply_mask
except ImportError:
    from websockets.utils import apply_mask

CONTINUATION: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA
FAIL: Final = -1
"""The peer broke the protocol; the payload is that of the close frame to send."""

NO_STATUS: Final = 1005
ABNORMAL: Final = 1006

Event = tuple[int, bytes]
"""(TEXT, BINARY, PING, PONG, CLOSE or FAIL, payload); for CLOSE and FAIL see `close_code`."""

PING_FRAME: Final = b"\x89\x00"
"""One ready-made ping for everybody."""

MAX_CONTROL: Final = 125
_Utf8 = codecs.getincrementaldecoder("utf-8")


def frame(opcode: int, payload: bytes) -> bytes:
    """Give one whole unmasked frame."""
    size = len(payload)
    if size < 126:
        return bytes((0x80 | opcode, size)) + payload
    if size < 65_536:
        return bytes((0x80 | opcode, 126)) + size.to_bytes(2, "big") + payload
    return bytes((0x80 | opcode, 127)) + size.to_bytes(8, "big") + payload


def text_frame(payload: bytes) -> bytes:
    """Give a whole text message as one frame; `payload` is UTF-8."""
    return frame(TEXT, payload)


def binary_frame(payload: bytes) -> bytes:
    """Give a whole binary message as one frame."""
    return frame(BINARY, payload)


def pong_frame(payload: bytes) -> bytes:
    """Give the answer to a ping with this payload."""
    return frame(PONG, payload)


def close_frame(code: int, reason: str = "") -> bytes:
    """Give a close frame; NO_STATUS gives an empty one, a long reason is cut between characters."""
    return frame(CLOSE, b"" if code == NO_STATUS else close_payload(code, reason))


def close_payload(code: int, reason: str = "") -> bytes:
    """Join a close code and its reason, at most 125 bytes."""
    text = reason.encode()[: MAX_CONTROL - 2].decode(errors="ignore").encode()
    return code.to_bytes(2, "big") + text


def close_code(payload: bytes) -> int:
    """Read the code from the payload of a CLOSE or FAIL; NO_STATUS when it has none."""
    return int.from_bytes(payload[:2], "big") if payload else NO_STATUS


def may_be_sent(code: int) -> bool:
    """Tell whether a close frame may carry this code."""
    if code < 3000:
        return 1000 <= code <= 1003 or 1007 <= code <= 1014
    return code < 5000


class _Broken(Exception):
    """The peer broke the protocol, with the close code to answer."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.payload = close_payload(code, reason)


class FrameReader:
    """Turns the bytes that a client sends into whole messages, pings, pongs and one close.

    Sizes are refused when a header announces them, before anything is kept, and text is checked
    as it arrives, so what is kept is at most one message of `max_size` bytes.
    """

    __slots__ = (
        "_decoder",
        "_final",
        "_mask",
        "_message",
        "_need",
        "_opcode",
        "_over",
        "_rest",
        "_size",
        "max_size",
    )

    def __init__(self, max_size: int) -> None:
        """Take messages of at most `max_size` bytes, over all of their fragments."""
        self.max_size = max_size
        self._rest = b""
        """An incomplete header or control frame."""
        self._opcode = CONTINUATION
        """TEXT or BINARY while a message is incomplete."""
        self._message: bytearray | None = None
        self._size = 0
        """What the frames of the message at hand announced so far."""
        self._decoder: codecs.IncrementalDecoder | None = None
        self._need = 0
        """How much is missing of the data frame at hand, with its mask turned to the next byte."""
        self._mask = b""
        self._final = False
        self._over = False

    def feed(self, data: bytes) -> list[Event]:
        """Give what these bytes complete, in order; nothing after a CLOSE or FAIL."""
        events: list[Event] = []
        if self._over:
            return events
        if self._rest:
            data = self._rest + data
            self._rest = b""
        try:
            self._read(data, events)
        except _Broken as broken:
            events.append((FAIL, broken.payload))
            self._over = True
        if self._over:
            self._forget()
        return events

    def _read(self, data: bytes, events: list[Event]) -> None:
        position, end = 0, len(data)
        while position < end and not self._over:
            if self._need:
                position = self._continue(data, position, events)
                continue
            header = self._header(data, position)
            if header is None:
                self._rest = data[position:]
                return
            opcode, final, length, body = header
            stop = body + length
            mask = data[body - 4 : body]
            if opcode >= CLOSE:
                if end < stop:
                    self._rest = data[position:]
                    return
                events.append((opcode, self._control(opcode, apply_mask(data[body:stop], mask))))
                position = stop
            elif stop <= end and final and not self._opcode:
                payload = apply_mask(data[body:stop], mask)
                if opcode == TEXT and not payload.isascii():
                    _check_utf8(payload)
                events.append((opcode, payload))
                position = stop
            else:
                self._begin(opcode, final, length, mask)
                position = self._continue(data, body, events)

    def _header(self, data: bytes, position: int) -> tuple[int, bool, int, int] | None:
        """Read opcode, final, length and where the payload starts; None while bytes are missing."""
        first = data[position]
        opcode = first & 0x0F
        final = first > 0x7F
        self._check_first(first, opcode, final)
        available = len(data) - position
        if available < 2:
            return None
        length = data[position + 1] - 0x80
        if length < 0:
            raise _Broken(1002, "a client masks its frames")
        body = position + 6
        if length > MAX_CONTROL:
            if opcode >= CLOSE:
                raise _Broken(1002, "a control frame has at most 125 bytes")
            wide, least = (2, 126) if length == 126 else (8, 65_536)
            if available < 2 + wide:
                return None
            length = int.from_bytes(data[position + 2 : position + 2 + wide], "big")
            if length < least or length >> 63:
                raise _Broken(1002, "a length is written in the fewest bytes that hold it")
            body += wide
        if opcode < CLOSE and self._size + length > self.max_size:
            raise _Broken(1009, f"a message has at most {self.max_size} bytes")
        return (opcode, final, length, body) if len(data) >= body else None

    def _check_first(self, first: int, opcode: int, final: bool) -> None:
        if first & 0x70:
            raise _Broken(1002, "reserved bits are 0")
        if opcode >= CLOSE:
            if opcode > PONG:
                raise _Broken(1002, "unknown opcode")
            if not final:
                raise _Broken(1002, "a control frame is not fragmented")
        elif opcode > BINARY:
            raise _Broken(1002, "unknown opcode")
        elif self._opcode and opcode:
            raise _Broken(1002, "the message before is incomplete")
        elif not self._opcode and not opcode:
            raise _Broken(1002, "there is no message to continue")

    def _control(self, opcode: int, payload: bytes) -> bytes:
        if opcode == CLOSE:
            self._over = True
            if len(payload) == 1 or (payload and not may_be_sent(close_code(payload))):
                raise _Broken(1002, "not a close code")
            _check_utf8(payload[2:])
        return payload

    def _begin(self, opcode: int, final: bool, length: int, mask: bytes) -> None:
        if opcode:
            self._opcode = opcode
            self._message = bytearray()
            self._decoder = _Utf8() if opcode == TEXT else None
        self._size += length
        self._need = length
        self._mask = mask
        self._final = final

    def _continue(self, data: bytes, position: int, events: list[Event]) -> int:
        """Take what is there of the frame at hand, and give where the next bytes start."""
        part = apply_mask(data[position : position + self._need], self._mask)
        taken = len(part)
        self._need -= taken
        whole = self._final and not self._need
        if self._decoder is not None:
            try:
                self._decoder.decode(part, whole)
            except UnicodeDecodeError:
                raise _Broken(1007, "text is UTF-8") from None
        assert self._message is not None
        self._message += part
        if whole:
            events.append((self._opcode, bytes(self._message)))
            self._forget()
        elif self._need:
            turn = taken & 3
            self._mask = self._mask[turn:] + self._mask[:turn]
        return position + taken

    def _forget(self) -> None:
        self._rest = b""
        self._opcode = CONTINUATION
        self._message = None
        self._size = 0
        self._decoder = None
        self._need = 0


def _check_utf8(payload: bytes) -> None:
    try:
        payload.decode()
    except UnicodeDecodeError:
        raise _Broken(1007, "text is UTF-8") from None
