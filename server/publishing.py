"""One publish from request to answer: repeated while the link is lost, never carried out late."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from server.adoption import Adopter
from server.answers import hashed, sent_key
from server.errors import HirobaError, Refused
from server.keys import keys_of
from server.publication import Publish, Published, envelope
from server.redis_link import script_of
from server.redis_wire import Argument, LostInFlight, ReplyError, fail

if TYPE_CHECKING:
    from server.route import Route
    from server.settings import Settings

PUBLISH = script_of((files("server") / "lua/publish.lua").read_text())
BUDGET = 1.5
"""Seconds a publish may take; Redis refuses to carry it out later than that."""
REMEMBER_ANONYMOUS_MS = 10_000
"""How long an answer without client_message_id is kept: for our own repetition only."""
_ADOPTIONS = 3
_PAUSE = 0.01
_LOOK_AGAIN = 0.1
"""Seconds of waiting for one link, before it is looked up whether it still is the right one."""


class Publisher:
    """Runs publish.lua until it is known what came of it."""

    def __init__(self, route: Route, settings: Settings, adopter: Adopter) -> None:
        self._route = route
        self._links = route.links
        self._adopter = adopter
        rate = settings.post_rate
        # As text already: the library would write them anew for every publication.
        self._limits = (str(rate.most), str(rate.period), str(settings.channel_rate))
        self._backlog_cap = str(settings.backlog_cap)
        self._verb = route.verb

    async def publish(self, p: Publish, remember_ms: int) -> Published:
        """Give the place, or raise Refused: then it has not happened and will not."""
        request = self._request(p, remember_ms)
        deadline = time.monotonic() + BUDGET
        adoptions, sent = 0, False
        while True:
            # Looked up each time: meanwhile another node may have the partition.
            link = self._links[request.partition]
            by = link.server_time() + int((deadline - time.monotonic()) * 1000)
            args = (request.channel, link.run_id, by, *request.rest)
            try:
                answer = await link.script(PUBLISH, request.keys, args)
            except LostInFlight:
                sent = True
            except Refused:
                if not sent:
                    raise
            except ReplyError as error:
                late = time.monotonic() >= deadline
                if late or not (await self._route.redirected(error) or sent):
                    fail(error)
            else:
                word = answer[0].decode()
                if word != "stale" or adoptions == _ADOPTIONS:
                    return published(word, answer[1:])
                adoptions += 1
                try:
                    await self._adopter.adopt(p.channel)
                except Refused:
                    if sent:
                        await asyncio.sleep(deadline - time.monotonic())
                    raise
                deadline = time.monotonic() + BUDGET
                continue
            # When it was sent it may have happened, and still may until the deadline: only the same
            # request again tells, and until then nobody is told anything.
            await asyncio.sleep(_PAUSE)
            link = self._links[request.partition]
            ready = await link.wait_ready(min(_LOOK_AGAIN, deadline - time.monotonic()))
            if not ready and time.monotonic() >= deadline:
                raise Refused("unavailable", "Redis did not answer in time.")

    def _request(self, p: Publish, remember_ms: int) -> _Request:
        keys = keys_of(p.channel)
        repeatable = p.client_message_id or secrets.token_hex(12)
        remember = remember_ms if p.client_message_id else REMEMBER_ANONYMOUS_MS
        return _Request(
            keys.partition,
            p.channel,
            (
                *keys.of_publishing,
                sent_key(p.channel, p.publisher, repeatable),
                keys.personal("slow", p.publisher),
                keys.personal("rate", p.publisher),
            ),
            (
                *(envelope(p.publisher, p.key, p.body), int(p.flags), p.publisher, p.key),
                *(hashed(p.digest or p.body), remember, _flag(p.gated), int(p.rank)),
                *(_flag(p.paced), *self._limits, _flag(p.persist), p.private),
                *(self._backlog_cap, _flag(p.refuse_on_backlog)),
                *(self._verb, *_to_set(p.deny, p.gates)),
            ),
        )


class _Request:
    """The keys and arguments that stay the same at every attempt."""

    __slots__ = ("channel", "keys", "partition", "rest")

    def __init__(
        self, partition: int, channel: str, keys: Sequence[str], rest: Sequence[Argument]
    ) -> None:
        self.partition = partition
        self.channel = channel
        self.keys = keys
        self.rest = rest


def _flag(value: bool) -> str:
    return "1" if value else "0"


def _to_set(deny: tuple[str, int] | None, gates: Mapping[str, int] | None) -> tuple[Argument, ...]:
    """Give whom to deny until when, min_rank and cooldown_ms, empty where they stay as they are."""
    if deny is None and gates is None:
        return ()
    gates = gates or {}
    if unknown := gates.keys() - {"min_rank", "cooldown_ms"}:
        raise HirobaError(f"no such gates: {', '.join(sorted(unknown))}")
    return *(deny or ("", 0)), gates.get("min_rank", ""), gates.get("cooldown_ms", "")


def published(word: str, rest: Sequence[Any]) -> Published:
    """Read the answer of publish.lua."""
    if word in ("ok", "repeated"):
        epoch, offset, at, key, unsaved = rest
        return Published(epoch, offset, at, key.decode(), word == "repeated", bool(unsaved))
    raise _refusal(word, rest)


def _refusal(word: str, rest: Sequence[Any]) -> Refused:
    match word:
        case "denied":
            scope = rest[1].decode()
            return Refused("denied", "You may not publish here.", until=rest[0], scope=scope)
        case "rank":
            return Refused("rank", "Your rank is too low to publish here.", min_rank=rest[0])
        case "cooldown":
            return Refused("cooldown", "Wait before you publish again.", retry_after=rest[0])
        case "rate_limited":
            return Refused("rate_limited", "That was too fast.", retry_after=rest[0])
        case "channel_busy":
            return Refused("channel_busy", "Too much at once here.", retry_after=rest[0])
        case "backlog":
            return Refused("backlog", "Too much waits to be saved.", retry_after=1000)
        case "conflict":
            return Refused("duplicate_conflict", "This id was used for something else.")
        case "too_late":
            return Refused("unavailable", "Redis did not answer in time.")
        case "stale":
            return Refused("unavailable", "Redis is being restarted.")
    raise HirobaError(f"publish.lua answered {word!r}")
