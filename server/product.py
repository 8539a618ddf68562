"""What the engine asks of the product that it carries."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from server.context import Context, Viewer
from server.parts import Ready

if TYPE_CHECKING:
    from server.connection import Connection
    from server.identity import Claims

Command = Callable[[Context, Viewer, dict[str, Any], "Connection"], Awaitable[Mapping[str, Any]]]
"""Carries out a command and gives the `ok` of its reply, or raises Refused."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A viewer may read a channel; `room` and `you` are told with the reply."""

    room: Mapping[str, Any] | Ready
    you: Mapping[str, Any] | Ready
    """Ready where many are told the same."""
    default_feed: Literal["sampled", "full"] = "full"


class Product(Protocol):
    """Given to the gateway by the application."""

    @property
    def commands(self) -> Mapping[str, Command]:
        """All live commands by name."""

    async def open_channel(self, ctx: Context, viewer: Viewer, channel: str) -> Grant:
        """Let a viewer read a channel; Refused `not_found`, `forbidden`."""

    async def resolve(self, ctx: Context, claims: Claims) -> Viewer:
        """Say who verified claims speak for; Refused `unauthenticated`, `denied`."""

    async def on_control(self, ctx: Context, body: dict[str, Any]) -> None:
        """Learn what another process told all."""

    def loaded(self, level: int, cooldown_ms: int, /) -> bytes:
        """Make the body that tells how much is left out, and how long publishers wait at least."""

    def counted(self, channel: str, viewers: int, /) -> bytes:
        """Make the body that tells how many viewers a channel has."""

    def tallied(self, channel: str, counts: Mapping[str, int], sums: Mapping[str, int], /) -> bytes:
        """Make the body that tells what was counted in the last second, and the sums."""
