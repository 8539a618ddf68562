"""What the engine's own commands share: their answer, and how arguments are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, TypeVar

from server.errors import Refused
from server.parts import Ready

MAX_CHANNEL: Final = 128
T = TypeVar("T", str, int)


class Answer(NamedTuple):
    """What a command of the engine gives: the `ok`, and what follows in the same step."""

    ok: Mapping[str, Any] | Ready
    then: Callable[[bool], None] | None = None
    """Called right after the reply, and told whether it was written."""


def optional(args: Mapping[str, Any], name: str, kind: type[T]) -> T | None:
    """Give an argument that may be absent or null; Refused `invalid` otherwise."""
    value = args.get(name)
    if value is None:
        return None
    if type(value) is not kind:
        raise invalid(f"{name} is {'a text' if kind is str else 'a whole number'}")
    return value


def channel_name(args: Mapping[str, Any]) -> str:
    """Give the name of a channel: segments of visible ASCII, at least two."""
    value = args.get("channel")
    if type(value) is not str or not 3 <= len(value) <= MAX_CHANNEL:
        raise invalid(f"channel is a text of at most {MAX_CHANNEL} characters")
    parts = value.split(":")
    if len(parts) < 2 or not all(part.isascii() and part.isprintable() and part for part in parts):
        raise Refused("not_found", "There is no such channel.")
    return value


def position(args: Mapping[str, Any]) -> tuple[int, int] | None:
    """Give (epoch, offset), or None when neither is there."""
    epoch, offset = optional(args, "epoch", int), optional(args, "offset", int)
    if epoch is None and offset is None:
        return None
    if epoch is None or offset is None or epoch < 0 or offset < 0:
        raise invalid("a position is an epoch and an offset, neither below 0")
    return epoch, offset


def invalid(problem: str) -> Refused:
    """Make the refusal of an argument."""
    return Refused("invalid", f"{problem[0].upper()}{problem[1:]}.")
