"""Trees with flaws that can be written in JSON and in msgpack alike, for comparing both readers."""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass
from random import Random
from typing import Any

import msgpack


@dataclass(frozen=True)
class Pairs:
    """An object whose keys may repeat."""

    pairs: tuple[tuple[Any, Any], ...]


def write_json(tree: Any) -> bytes:
    """Write a tree as JSON, flaws included."""
    return _text(tree).encode()


def write_msgpack(tree: Any) -> bytes:
    """Write a tree as msgpack, flaws included."""
    if isinstance(tree, Pairs):
        head = b"\xdf" + struct.pack(">I", len(tree.pairs))
        return head + b"".join(write_msgpack(k) + write_msgpack(v) for k, v in tree.pairs)
    if isinstance(tree, list):
        return b"\xdd" + struct.pack(">I", len(tree)) + b"".join(map(write_msgpack, tree))
    if isinstance(tree, str):
        data = tree.encode("utf-8", "surrogatepass")
        return b"\xdb" + struct.pack(">I", len(data)) + data
    packed: bytes = msgpack.packb(tree)
    return packed


def _text(tree: Any) -> str:
    if isinstance(tree, Pairs):
        return "{" + ",".join(f"{_text(k)}: {_text(v)}" for k, v in tree.pairs) + "}"
    if isinstance(tree, list):
        return "[" + ", ".join(map(_text, tree)) + "]"
    if isinstance(tree, float) and not math.isfinite(tree):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(tree)]
    return json.dumps(tree)


TEXTS = ("", "a", "こんにちは", "\x00", "é\U0001f600", "\ud800", "x\udfff", "id", "cmd")
NUMBERS = (0, 1, -1, 2**53, 2**53 + 1, -(2**53), -(2**53) - 1, 2**63, 2**64 - 1, True, False)
FLOATS = (0.0, -1.5, 1e300, math.nan, math.inf, -math.inf)


def random_tree(random: Random, depth: int) -> Any:
    """Give a tree that is flawed about as often as not."""
    kind = random.randrange(8 if depth else 5)
    if kind < 2:
        return random.choice(TEXTS)
    if kind == 2:
        return random.choice(NUMBERS)
    if kind == 3:
        return random.choice(FLOATS[:3] if random.random() < 0.8 else FLOATS)
    if kind == 4:
        return None
    if kind == 5:
        return [random_tree(random, depth - 1) for _ in range(random.randrange(4))]
    keys = [random.choice(TEXTS) for _ in range(random.randrange(4))]
    return Pairs(tuple((key, random_tree(random, depth - 1)) for key in keys))


def random_command(random: Random) -> Any:
    """Give a tree that is a command, nearly."""
    pairs: list[tuple[Any, Any]] = [("id", random.choice((*NUMBERS[:4], "7", 1.0)))]
    pairs.append(("cmd", random.choice(("history", "x" * 64, "x" * 65, "", 3))))
    if random.random() < 0.9:
        inner = tuple((f"k{i}", random_tree(random, random.randrange(9))) for i in range(2))
        pairs.append(("args", random.choice((Pairs(inner), Pairs(inner), [1], None))))
    if random.random() < 0.2:
        pairs.append((random.choice(("id", "cmd", "later")), random_tree(random, 1)))
    random.shuffle(pairs)
    return Pairs(tuple(pairs))
