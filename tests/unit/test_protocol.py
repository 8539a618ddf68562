"""Both encodings carry the same schema, and refuse the same inputs."""

from __future__ import annotations

import json
import math
from random import Random

import msgpack
import pytest

from server.errors import Refused
from server.item import Item
from server.parts import Items, Ready
from server.protocol import (
    BadCommand,
    CloseCode,
    Command,
    Encoding,
    decode,
    encode,
    passing,
    push,
    refusal,
    reply,
)
from server.publication import Flag, Publication
from tests.unit.wire_trees import Pairs, random_command, random_tree, write_json, write_msgpack

BOTH = (Encoding.JSON, Encoding.MSGPACK)
OK = (("id", 7), ("cmd", "history"), ("args", Pairs((("channel", "room:42"),))))


def outcome(data: bytes, encoding: Encoding) -> object:
    """Give the command, or the word and the id of the refusal."""
    try:
        return repr(decode(data, encoding))
    except BadCommand as refused:
        return (refused.code, refused.id)


def nested(depth: int) -> object:
    tree: object = 1
    for _ in range(depth):
        tree = [tree]
    return tree


def with_args(value: object) -> Pairs:
    return Pairs((("id", 7), ("cmd", "history"), ("args", Pairs((("x", value),)))))


TABLE = {
    "a whole command": (Pairs(OK), None),
    "no args": (Pairs(OK[:2]), None),
    "unknown fields are ignored": (Pairs((*OK, ("later", [1, None]))), None),
    "not an object": ([1, 2], ("malformed", None)),
    "a text alone": ("history", ("malformed", None)),
    "nothing": (None, ("malformed", None)),
    "no id": (Pairs(OK[1:]), ("malformed", None)),
    "id is text": (Pairs((("id", "7"), *OK[1:])), ("malformed", None)),
    "id is a float": (Pairs((("id", 7.0), *OK[1:])), ("malformed", None)),
    "id is a boolean": (Pairs((("id", True), *OK[1:])), ("malformed", None)),
    "id is negative": (Pairs((("id", -1), *OK[1:])), ("malformed", None)),
    "id is beyond 2^53": (Pairs((("id", 2**53 + 1), *OK[1:])), ("malformed", None)),
    "id is 2^53": (Pairs((("id", 2**53), *OK[1:])), None),
    "no cmd": (Pairs((OK[0], OK[2])), ("malformed", 7)),
    "cmd is a number": (Pairs((OK[0], ("cmd", 3))), ("malformed", 7)),
    "cmd is empty": (Pairs((OK[0], ("cmd", ""))), ("malformed", 7)),
    "cmd is too long": (Pairs((OK[0], ("cmd", "x" * 65))), ("malformed", 7)),
    "args is a list": (Pairs((*OK[:2], ("args", [1]))), ("malformed", 7)),
    "args is null": (Pairs((*OK[:2], ("args", None))), ("malformed", 7)),
    "NaN": (with_args(math.nan), ("malformed", 7)),
    "infinity": (with_args(math.inf), ("malformed", 7)),
    "minus infinity": (with_args([-math.inf]), ("malformed", 7)),
    "a lone surrogate": (with_args("a\ud800"), ("malformed", 7)),
    "a lone surrogate as key": (with_args(Pairs((("\udfff", 1),))), ("malformed", 7)),
    "an emoji": (with_args("\U0001f600"), None),
    "a repeated key at the top": (Pairs((*OK, ("id", 8))), ("malformed", None)),
    "a repeated key below": (with_args(Pairs((("a", 1), ("a", 1)))), ("malformed", 7)),
    "2^53": (with_args(2**53), None),
    "beyond 2^53": (with_args(2**53 + 1), ("malformed", 7)),
    "beyond -2^53": (with_args(-(2**53) - 1), ("malformed", 7)),
    "the largest of msgpack": (with_args(2**64 - 1), ("malformed", 7)),
    "eight levels": (with_args(nested(6)), None),
    "nine levels": (with_args(nested(7)), ("malformed", 7)),
    "two hundred levels": (with_args(nested(200)), ("malformed", 7)),
    "too large": (with_args("x" * 8192), ("too_large", None)),
}


@pytest.mark.parametrize("case", TABLE)
def test_both_encodings_take_and_refuse_the_same_table(case: str) -> None:
    tree, refused = TABLE[case]

    found = [
        outcome(write_json(tree), Encoding.JSON),
        outcome(write_msgpack(tree), Encoding.MSGPACK),
    ]

    assert found[0] == found[1]
    assert (found[0] == refused) if refused else not isinstance(found[0], tuple)


def test_both_encodings_take_and_refuse_the_same_random_trees() -> None:
    random = Random(20)
    taken = 0

    for _ in range(4000):
        tree = random_command(random) if random.random() < 0.8 else random_tree(random, 4)
        found = outcome(write_json(tree), Encoding.JSON)
        assert found == outcome(write_msgpack(tree), Encoding.MSGPACK), tree
        taken += not isinstance(found, tuple)

    assert 100 < taken < 3800


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        (Encoding.JSON, b""),
        (Encoding.JSON, b"{"),
        (Encoding.JSON, b'{"id": 7, "cmd": "history"} 1'),
        (Encoding.JSON, b'\xef\xbb\xbf{"id": 7, "cmd": "history"}'),
        (Encoding.JSON, b'{"id": 7, "cmd": "\xff"}'),
        (Encoding.JSON, '{"id": 7, "cmd": "history"}'.encode("utf-16")),
        (Encoding.JSON, b'{"id": 7, "cmd": "hist\nory"}'),
        (Encoding.JSON, b"[" * 8000),
        (Encoding.MSGPACK, b""),
        (Encoding.MSGPACK, b"\x81"),
        (Encoding.MSGPACK, msgpack.packb({"id": 7, "cmd": "history"}) + b"\x00"),
        (Encoding.MSGPACK, b"\x82\xa2id\x07\xa3cmd\xa1\xff"),
        (Encoding.MSGPACK, b"\xc1"),
        (Encoding.MSGPACK, b"\x91" * 8000),
        (Encoding.MSGPACK, b"\xdd\xff\xff\xff\xff"),
        (Encoding.MSGPACK, b"\x81\x90\x01"),
    ],
)
def test_what_cannot_be_read_is_malformed_without_an_id(encoding: Encoding, data: bytes) -> None:
    assert outcome(data, encoding) == ("malformed", None)


@pytest.mark.parametrize(
    "value",
    [b"bytes", msgpack.ExtType(5, b"x"), msgpack.Timestamp(1, 2), {1: 2}],
    ids=["bytes", "extension", "timestamp", "number as key"],
)
def test_types_that_json_lacks_are_refused_in_msgpack(value: object) -> None:
    data = msgpack.packb({"id": 7, "cmd": "history", "args": {"x": value}})

    assert outcome(data, Encoding.MSGPACK) == ("malformed", 7)


def test_endless_digits_are_refused_without_being_computed() -> None:
    data = b'{"id": 7, "cmd": "history", "args": {"x": %b}}' % (b"9" * 8000)

    assert outcome(data, Encoding.JSON) == ("malformed", 7)


def test_a_command_is_read_with_its_args() -> None:
    tree = {"id": 7, "cmd": "history", "args": {"channel": "room:42", "epoch": 5}}

    for encoding, data in zip(BOTH, (json.dumps(tree).encode(), msgpack.packb(tree)), strict=True):
        assert decode(data, encoding) == Command(7, "history", tree["args"])


def read(encoding: Encoding, data: bytes) -> object:
    return json.loads(data) if encoding is Encoding.JSON else msgpack.unpackb(data)


def item(offset: int, body: object = None, *, hidden: bool = False) -> Item:
    packed = msgpack.packb(body if body is not None else {"event": "said", "text": "あ"})
    return Item(Publication(5, offset, 1763750000123, Flag.NONE, "m1", "k", packed), hidden=hidden)


@pytest.mark.parametrize("encoding", BOTH)
@pytest.mark.parametrize("count", [0, 1, 15, 16, 70_000])
def test_a_push_says_what_it_covers(encoding: Encoding, count: int) -> None:
    items = [item(1)] * count

    data = push(encoding, 'room:"42"', 1763750000123, (1, count), items)

    body = {"event": "said", "text": "あ"}
    assert read(encoding, data) == {
        "ch": 'room:"42"',
        "epoch": 1763750000123,
        "from": 1,
        "to": count,
        "pubs": [[1, 1763750000123, body]] * count,
    }


@pytest.mark.parametrize("encoding", BOTH)
def test_a_push_says_that_some_were_left_out_and_why(encoding: Encoding) -> None:
    data = push(encoding, "room:42", 5, (1, 3), [item(2)], of=3, why="sampled")

    tree = read(encoding, data)

    assert isinstance(tree, dict)
    assert (len(tree["pubs"]), tree["of"], tree["why"]) == (1, 3, "sampled")


@pytest.mark.parametrize("encoding", BOTH)
def test_a_hidden_publication_keeps_its_place_and_loses_its_body(encoding: Encoding) -> None:
    hidden = item(9, {"event": "said", "text": "secret"}, hidden=True)

    data = push(encoding, "room:42", 5, (9, 9), [hidden])

    assert read(encoding, data)["pubs"] == [[9, 1763750000123, None]]  # type: ignore[index]
    assert b"secret" not in data


@pytest.mark.parametrize("encoding", BOTH)
def test_passing_events_travel_together(encoding: Encoding) -> None:
    bodies = [msgpack.packb({"event": "counted", "count": n}) for n in range(20)]

    data = passing(encoding, "room:42", bodies)

    expected = [{"event": "counted", "count": n} for n in range(20)]
    assert read(encoding, data) == {"ch": "room:42", "now": expected}


@pytest.mark.parametrize("encoding", BOTH)
def test_a_reply_joins_the_publications_it_holds(encoding: Encoding) -> None:
    ok = {"subscriptions": {"room:42": {"ok": {"offset": 2, "pubs": Items([item(1), item(2)])}}}}

    data = reply(encoding, 7, ok)

    body = {"event": "said", "text": "あ"}
    pubs = [[1, 1763750000123, body], [2, 1763750000123, body]]
    expected = {"subscriptions": {"room:42": {"ok": {"offset": 2, "pubs": pubs}}}}
    assert read(encoding, data) == {"id": 7, "ok": expected}


@pytest.mark.parametrize("encoding", BOTH)
def test_parts_stand_anywhere_in_a_reply_and_inside_each_other(encoding: Encoding) -> None:
    inner = Ready({"pubs": Items([item(1)]), "name": "広場"})
    part = Ready({"first": inner, "n": [1, inner]})

    data = reply(encoding, 7, {"a": part, "b": {"c": inner}, "d": part, "e": Items([])})

    body = {"event": "said", "text": "あ"}
    one = {"pubs": [[1, 1763750000123, body]], "name": "広場"}
    whole = {"first": one, "n": [1, one]}
    expected = {"a": whole, "b": {"c": one}, "d": whole, "e": []}
    assert read(encoding, data) == {"id": 7, "ok": expected}


@pytest.mark.parametrize("encoding", BOTH)
def test_a_part_is_encoded_once(encoding: Encoding) -> None:
    once = {"a": 1}
    part = Ready(once)
    first = encode(encoding, {"x": part})
    once["a"] = 2

    assert encode(encoding, {"x": part}) == first
    assert read(encoding, first) == {"x": {"a": 1}}


@pytest.mark.parametrize("encoding", BOTH)
def test_a_part_that_no_encoding_can_carry_raises_and_spoils_nothing(encoding: Encoding) -> None:
    bad = Ready({"x": object()})

    for tree in ({"p": bad}, {"a": Ready({"n": 1}), "p": object()}):
        with pytest.raises(TypeError):
            encode(encoding, tree)

    assert read(encoding, encode(encoding, {"p": Ready({"n": 1})})) == {"p": {"n": 1}}


@pytest.mark.parametrize("encoding", BOTH)
def test_a_refusal_carries_word_sentence_and_wait(encoding: Encoding) -> None:
    refused = Refused("slow_mode", "Wait a moment.", retry_after=12_000, until=3)

    data = refusal(encoding, 7, refused)

    error = {"code": "slow_mode", "message": "Wait a moment.", "retry_after": 12_000, "until": 3}
    assert read(encoding, data) == {"id": 7, "error": error}


def test_a_reply_that_no_encoding_can_carry_raises() -> None:
    for encoding in BOTH:
        with pytest.raises(TypeError):
            encode(encoding, {"x": object()})


def test_json_of_a_body_is_made_once() -> None:
    one = item(1)

    assert one.text is one.text


def test_a_body_that_cannot_be_read_does_not_break_its_batch() -> None:
    broken = Item(Publication(5, 1, 1, Flag.NONE, "", "", b"\xc1"))

    data = push(Encoding.JSON, "room:42", 5, (1, 2), [broken, item(2)])

    assert [pub[2] is None for pub in json.loads(data)["pubs"]] == [True, False]


def test_close_codes_say_whether_to_come_back() -> None:
    come_back = {code.value for code in CloseCode if code < 4500}

    assert come_back == {4001, 4002, 4003, 4004, 4005, 4006}
    assert {code.value for code in CloseCode} - come_back == set(range(4501, 4509))
