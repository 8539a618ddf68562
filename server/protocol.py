"""The wire, without I/O: commands in; replies, pushes and passing events out, in two encodings."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum, IntEnum
from types import NoneType
from typing import Any, Final, NamedTuple

import msgpack
import orjson

from server.errors import Refused
from server.item import Item, json_of
from server.packing import pack
from server.parts import Part, array_head, json_items, packed_items, to_json, to_msgpack
from server.websocket_frames import BINARY, TEXT

VERSION: Final = 1
MAX_INTEGER: Final = 2**53
MAX_NAME: Final = 64
"""Characters of a command's name."""


class Encoding(Enum):
    """How one connection writes the same schema; the value is its subprotocol."""

    JSON = "hiroba.v1.json"
    MSGPACK = "hiroba.v1.msgpack"

    @property
    def opcode(self) -> int:
        """The kind of WebSocket message that carries it."""
        return TEXT if self is Encoding.JSON else BINARY


class CloseCode(IntEnum):
    """Why a connection ends: up to 4499 the client comes back, from 4500 it stays away."""

    DRAINING = 4001
    SLOW = 4002
    POSITION_LOST = 4003
    NO_PONG = 4004
    TOKEN_EXPIRED = 4005
    RATE = 4006
    BAD_TOKEN = 4501
    MALFORMED = 4502
    NO_CONNECT = 4503
    CONNECTION_LIMIT = 4504
    DENIED = 4505
    VERSION = 4506
    FORBIDDEN = 4507
    SESSION_REVOKED = 4508


class Command(NamedTuple):
    """What a client asks for; the reply carries the same id."""

    id: int
    name: str
    args: dict[str, Any]


class BadCommand(Refused):
    """What came is not a command; `id` is None when not even a reply can be addressed."""

    def __init__(self, code: str, message: str, id: int | None = None) -> None:
        """Keep the word, the sentence and the id, where it could be read."""
        super().__init__(code, message)
        self.id = id


class _Flaw:
    """Stands in a decoded tree for what neither encoding may carry."""

    __slots__ = ("problem",)

    def __init__(self, problem: str) -> None:
        self.problem = problem


_REPEATED = _Flaw("a key stands twice in one object")
_NO_TEXT_KEY = _Flaw("keys are text")


def decode(
    data: bytes, encoding: Encoding, *, max_size: int = 8192, max_nesting: int = 8
) -> Command:
    """Read one message; BadCommand (`malformed`, `too_large`) when it is not a command."""
    if len(data) > max_size:
        raise BadCommand("too_large", f"a message has at most {max_size} bytes")
    command = _usual(data, encoding) if max_nesting > 1 else None
    if command is not None:
        return command
    tree = _read_json(data) if encoding is Encoding.JSON else _read_msgpack(data)
    if type(tree) is not dict:
        raise BadCommand("malformed", tree.problem if type(tree) is _Flaw else "not an object")
    id = tree.get("id")
    if type(id) is not int or not 0 <= id <= MAX_INTEGER:
        raise BadCommand("malformed", "id is a whole number")
    problem = _problem(tree, max_nesting)
    name, args = tree.get("cmd"), tree.get("args", {})
    if problem is None and (type(name) is not str or not 1 <= len(name) <= MAX_NAME):
        problem = f"cmd is a text of 1 to {MAX_NAME} characters"
    if problem is None and type(args) is not dict:
        problem = "args is an object"
    if problem is not None:
        raise BadCommand("malformed", problem, id)
    return Command(id, name, args)  # type: ignore[arg-type]


def reply(encoding: Encoding, id: int, ok: Mapping[str, Any] | Part) -> bytes:
    """Give the answer to a command that succeeded; `ok` may hold `Part`s in its objects."""
    return encode(encoding, {"id": id, "ok": ok})


def refusal(encoding: Encoding, id: int, refused: Refused) -> bytes:
    """Give the answer to a command that is refused, with its stable word."""
    return encode(encoding, {"id": id, "error": refused.as_wire()})


def encode(encoding: Encoding, value: Mapping[str, Any]) -> bytes:
    """Give an object in one encoding; parts of it are joined, not encoded again."""
    if encoding is Encoding.JSON:
        return to_json(value)
    return to_msgpack(value)


def push(
    encoding: Encoding,
    channel: str,
    epoch: int,
    covers: tuple[int, int],
    items: Sequence[Item],
    *,
    of: int | None = None,
    why: str = "",
) -> bytes:
    """Give a push that covers the offsets first to last; `of` and `why` when some were left out."""
    if encoding is Encoding.JSON:
        more = b"" if of is None else b',"of":%d,"why":%b' % (of, orjson.dumps(why))
        name = orjson.dumps(channel)
        return b'{"ch":%b,"epoch":%d,"from":%d,"to":%d,"pubs":%b%b}' % (
            *(name, epoch, *covers),
            *(json_items(items), more),
        )
    parts = [
        *(b"\x85" if of is None else b"\x87", b"\xa2ch", pack(channel)),
        *(b"\xa5epoch", pack(epoch), b"\xa4from", pack(covers[0])),
        *(b"\xa2to", pack(covers[1]), b"\xa4pubs", packed_items(items)),
    ]
    if of is not None:
        parts += (b"\xa2of", pack(of), b"\xa3why", pack(why))
    return b"".join(parts)


def passing(encoding: Encoding, channel: str, bodies: Sequence[bytes]) -> bytes:
    """Give what happens now and has no place; `bodies` are msgpack."""
    if encoding is Encoding.JSON:
        joined = b",".join(map(json_of, bodies))
        return b'{"ch":%b,"now":[%b]}' % (orjson.dumps(channel), joined)
    head = b"\x82\xa2ch" + pack(channel) + b"\xa3now" + array_head(len(bodies))
    return head + b"".join(bodies)


def _usual(data: bytes, encoding: Encoding) -> Command | None:
    """Read a command as most are written, several times faster; None for what is looked at closely.

    What is written again as the same bytes has no key twice, and both libraries refuse to read a
    text that is not Unicode: so only the types are left to be looked at.
    """
    try:
        if encoding is Encoding.JSON:
            tree = orjson.loads(data)
            same = orjson.dumps(tree) == data
        else:
            tree = msgpack.unpackb(data)
            same = pack(tree) == data
    except (ValueError, TypeError, OverflowError, RecursionError, msgpack.UnpackException):
        return None
    if not same or type(tree) is not dict or tree.keys() != _COMMAND:
        return None
    id, name, args = tree["id"], tree["cmd"], tree["args"]
    if (
        type(id) is int
        and 0 <= id <= MAX_INTEGER
        and type(name) is str
        and 1 <= len(name) <= MAX_NAME
        and type(args) is dict
        and _TEXT.issuperset(map(type, args))
        and _FLAT.issuperset(map(type, args.values()))
    ):
        return Command(id, name, args)
    return None


_COMMAND: Final = frozenset(("id", "cmd", "args"))
_TEXT: Final = frozenset((str,))
_FLAT: Final = frozenset((str, bool, NoneType))


def _read_json(data: bytes) -> Any:
    try:
        return _DECODER.decode(data.decode())
    except (ValueError, RecursionError) as error:
        raise BadCommand("malformed", f"not JSON: {error}") from None


def _read_msgpack(data: bytes) -> Any:
    try:
        return msgpack.unpackb(
            data,
            strict_map_key=False,
            # JSON can write a lone surrogate too; both reach the one validator.
            unicode_errors="surrogatepass",
            object_pairs_hook=_object,
        )
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as error:
        raise BadCommand("malformed", f"not msgpack: {error}") from None


def _object(pairs: list[tuple[Any, Any]]) -> dict[str, Any] | _Flaw:
    if not all(type(key) is str for key, _ in pairs):
        return _NO_TEXT_KEY
    made = dict(pairs)
    return made if len(made) == len(pairs) else _REPEATED


def _integer(text: str) -> int:
    # Python spends quadratic time on long digits, and refuses more than 4,300.
    return int(text) if len(text) <= 20 else MAX_INTEGER + 1


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=_integer)


def _problem(value: Any, levels: int) -> str | None:
    """Tell what neither encoding may carry; `levels` of nesting are left."""
    kind = type(value)
    if kind is str:
        return None if value.isascii() or _is_unicode(value) else "a lone surrogate is not text"
    if kind is int:
        return None if -MAX_INTEGER <= value <= MAX_INTEGER else "an integer beyond 2^53"
    if kind is dict or kind is list:
        return _problem_inside(value, levels) if levels else "nested too deep"
    if kind is bool or value is None:
        return None
    if kind is float:
        return None if math.isfinite(value) else "a number that is not finite"
    return str(value.problem) if kind is _Flaw else "a type that JSON lacks"


def _problem_inside(value: dict[str, Any] | list[Any], levels: int) -> str | None:
    # Every frame of every client passes here, so what is harmless is seen at once.
    if type(value) is dict:
        for key in value:
            if not key.isascii() and not _is_unicode(key):
                return "a lone surrogate is not text"
        inner: Iterable[Any] = value.values()
    else:
        inner = value
    for each in inner:
        if type(each) is str and each.isascii():
            continue
        problem = _problem(each, levels - 1)
        if problem is not None:
            return problem
    return None


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
