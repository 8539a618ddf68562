"""The subscriptions of one process at one node of a Redis Cluster."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from server.keys import CONTROL, partition_of, tagged
from server.redis_wire import Address, ReplyError, Wire
from server.subscriber import SubscriberLink
from server.topology import Node, redirect_of, slot_of


class ShardLink(SubscriberLink):
    """The subscriptions at one node: sharded ones, and `control`, which reaches every node."""

    def __init__(
        self,
        address: Address,
        on_payload: Callable[[str, bytes], None],
        on_gap: Callable[[str | None], None],
        on_moved: Callable[[ShardLink, str, ReplyError | None], None],
    ) -> None:
        """`on_moved` is told of a channel that this node serves no longer, and the error if any."""
        name = f"subscriber-{Node(address.host, address.port)}"
        super().__init__(address, on_payload, on_gap, name=name)
        self._on_moved = on_moved
        self._asked: deque[bytes] = deque()
        """What was sent and has no answer yet: an error names no channel, but comes in its turn."""

    def listens(self, channel: str) -> bool:
        """Tell whether a channel is subscribed here, or will be with the next connection."""
        return self._key(channel) in self._wanted

    def want(self, channel: str) -> None:
        """Listen from the next connection on."""
        self._wanted[self._key(channel)] = channel

    def drop(self, channel: str) -> None:
        """Listen no longer, without waiting for anything."""
        key = self._key(channel)
        if self._wanted.pop(key, None) is not None and self.ready and self._wire is not None:
            self._send(self._wire, b"UNSUBSCRIBE", key)

    def _key(self, channel: str) -> bytes:
        if channel == CONTROL:
            return channel.encode()
        return tagged(partition_of(channel), channel).encode()

    def _send(self, wire: Wire, verb: bytes, key: bytes) -> None:
        is_sharded = key.startswith(b"{")
        if is_sharded:
            self._asked.append(verb.lower() + b" " + key)
        wire.send(b"S" + verb if is_sharded else verb, key)

    async def _restore(self, wire: Wire, wanted: Sequence[bytes]) -> None:
        # One command for each: those of different slots may not share one.
        futures = []
        for key in wanted:
            futures.append(self._wait(b"SUBSCRIBE", key))
            self._send(wire, b"SUBSCRIBE", key)
        answers = await asyncio.gather(*futures, return_exceptions=True)
        for key, answer in zip(wanted, answers, strict=True):
            if isinstance(answer, ReplyError):
                self._lose(key, answer)
            elif answer is not None:
                raise answer

    def _on_disconnected(self) -> None:
        super()._on_disconnected()
        self._asked.clear()

    def _on_push(self, reply: object) -> bool:
        if isinstance(reply, ReplyError):
            return self._on_error(reply)
        kind = reply[0] if type(reply) is list and reply else None
        if kind != b"ssubscribe" and kind != b"sunsubscribe":
            return super()._on_push(reply)
        assert type(reply) is list
        name = kind[1:] + b" " + reply[1]
        if name in self._asked:
            self._asked.remove(name)
        elif kind == b"sunsubscribe":
            # Nobody asked for that: the slot has gone to another node.
            self._lose(reply[1], None)
            return True
        self._on_confirmation(name)
        return True

    def _on_error(self, error: ReplyError) -> bool:
        there = redirect_of(str(error), Node(self.where.host, self.where.port))
        for name in self._asked:
            if there is None or slot_of(name.partition(b" ")[2]) == there.slot:
                break
        else:
            return there is not None
        self._asked.remove(name)
        self._answer(name, error)
        return True

    def _lose(self, key: bytes, error: ReplyError | None) -> None:
        channel = self._wanted.pop(key, None)
        if channel is not None:
            self._on_moved(self, channel, error)

    def _gap(self, channel: str | None) -> None:
        # Only what is listened to here can have been missed; control has no window.
        missed = [channel] if channel is not None else list(self._wanted.values())
        for each in missed:
            if each != CONTROL:
                super()._gap(each)
