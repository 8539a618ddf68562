"""A host and a moderator at work, with what no feed may leave out."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Final

from loadtest.chaos import posters
from loadtest.chaos.history import ACK, History, Posted
from loadtest.chaos.stage import Stage
from loadtest.servers import new_member
from server.client import Client, Refused

CALL_SECONDS: Final = 30.0
SAVED_SECONDS: Final = 20.0
PAUSE: Final = 0.1


@dataclass(slots=True)
class Team:
    """They say, answer, pin and hide, and remember everything that was done."""

    stage: Stage
    run: str = "team"
    """What every client_message_id begins with."""
    posted: list[Posted] = field(default_factory=list)
    """What the host said."""
    done: list[tuple[str, str]] = field(default_factory=list)
    """The event, and the id of the message that it is about."""
    _host: Client | None = None
    _moderator: Client | None = None
    _question: str = ""

    async def come_in(self, stack: AsyncExitStack) -> None:
        """Connect, and have somebody ask a question that can be answered."""
        host = await new_member(self.stage.servers, "Host", "host")
        [asker] = await posters.tokens(self.stage.url, 1, "asker")
        tokens = (host, await self.stage.moderator(), asker)
        self._host, self._moderator, visitor = [
            await stack.enter_async_context(Client(self.stage.url, token=token)) for token in tokens
        ]
        args = {"text": "how much?", "question": True, "client_message_id": "question"}
        asked = await visitor.call("comment.post", {"room": self.stage.room, **args})
        self._question = asked["id"]
        deadline = time.monotonic() + SAVED_SECONDS
        while True:
            try:
                await self._answer()
                return
            except Refused as refused:
                # It is a question once the worker has saved it.
                if refused.code != "not_found" or time.monotonic() > deadline:
                    raise
            await asyncio.sleep(PAUSE)

    async def say(self, text: str) -> str:
        """Let the host say something; gives its id."""
        assert self._host is not None
        own, at = f"{self.run}-team-{len(self.posted)}", time.monotonic()
        args = {"room": self.stage.room, "text": text, "client_message_id": own}
        ok = await self._host.call("comment.post", args, seconds=CALL_SECONDS)
        place = ok["epoch"], ok["offset"], ok["id"], bool(ok.get("unsaved"))
        me = self._host.welcome["you"]["id"]
        self.posted.append(Posted(me, own, at, time.monotonic(), ACK, "", *place))
        return self.posted[-1].id

    async def work(self, history: History) -> None:
        """Say something and pin it, answer once more, and hide the newest line of a visitor."""
        said = await self.say(f"welcome {len(self.posted)}")
        await self._do("comment.pinned", self._host, "comment.pin", id=said)
        await self._answer()
        visitors = [each.id for each in history.acknowledged() if each.client.startswith("g")]
        if visitors:
            await self._do("comment.hidden", self._moderator, "comment.hide", id=visitors[-1])

    async def _answer(self) -> None:
        args = {"id": self._question, "text": f"{len(self.done)} yen"}
        await self._do("question.answered", self._host, "question.answer", **args)

    async def _do(self, event: str, who: Client | None, command: str, **args: Any) -> None:
        assert who is not None
        await who.call(command, {"room": self.stage.room, **args}, seconds=CALL_SECONDS)
        self.done.append((event, args["id"]))
