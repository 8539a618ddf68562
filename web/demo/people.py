"""The demo's people while it runs: they comment, send hearts and ask, and the host answers."""

from __future__ import annotations

import asyncio
import random
import unicodedata
from collections.abc import Awaitable, Callable
from itertools import cycle
from typing import Any

from server.client import Client, Received
from server.errors import Closed, Refused
from server.log import Log
from web.demo.community import SIGN_INS, people, texts

log = Log(__name__)

TALKERS_WAIT = (3.0, 9.0)
HEARTS_WAIT = (1.5, 6.0)
QUESTIONS_WAIT = (50.0, 100.0)
ANSWER_WAIT = (18.0, 35.0)
"""Seconds between two of a kind, a human pace."""

Token = Callable[[str], Awaitable[str]]
"""Gives a token for the person with this key."""


class Crowd:
    """Everybody who takes part by themselves, in one live room."""

    def __init__(self, url: str, room: str, token: Token, seed: int | None = None) -> None:
        self._url, self._room, self._token = url, room, token
        self._random = random.Random(seed)
        self._keys = [key for key in people() if key not in SIGN_INS and key != "mori"]
        self._clients: dict[str, Client] = {}
        self._waiting: set[asyncio.Task[None]] = set()
        self._own_questions = {text: answer for _, text, answer in texts()["chatter"]["questions"]}

    async def run(self) -> None:
        """Take part until cancelled."""
        try:
            for key in [*self._keys, "host"]:
                client = Client(self._url, token=await self._token(key))
                await client.open()
                self._clients[key] = client
            for key in self._keys:
                self._clients[key].channel(f"room:{self._room}", handler=lambda item: None)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._talk())
                group.create_task(self._applaud())
                group.create_task(self._wonder())
                group.create_task(self._host())
        finally:
            for task in self._waiting:
                task.cancel()
            for client in self._clients.values():
                await client.close()

    async def _talk(self) -> None:
        for key, text in cycle(texts()["chatter"]["lines"]):
            await self._pause(TALKERS_WAIT)
            await self._do(key, "comment.post", text=text, client_message_id=self._id())

    async def _applaud(self) -> None:
        while True:
            await self._pause(HEARTS_WAIT)
            count = self._random.randint(1, 5)
            key = self._random.choice(self._keys)
            await self._do(key, "reaction.add", kind="heart", count=count)

    async def _wonder(self) -> None:
        for key, text, _ in cycle(texts()["chatter"]["questions"]):
            await self._pause(QUESTIONS_WAIT)
            await self._do(
                key, "comment.post", text=text, client_message_id=self._id(), question=True
            )

    async def _host(self) -> None:
        """Answer what is asked, unless somebody who signed in as the host was quicker."""
        answered: set[str] = set()
        channel = self._clients["host"].channel(f"room:{self._room}", feed="full")
        async for item in channel:
            body = item.body if isinstance(item, Received) else None
            if body is None:
                continue
            if body["event"] == "question.asked":
                task = asyncio.create_task(self._answer(body, answered))
                self._waiting.add(task)
                task.add_done_callback(self._waiting.discard)
            elif body["event"] in ("question.answered", "question.withdrawn"):
                answered.add(body["id"])

    async def _answer(self, question: dict[str, Any], answered: set[str]) -> None:
        await self._pause((4.0, 7.0))
        if question["id"] not in answered:
            await self._do("host", "question.show", id=question["id"])
        await self._pause(ANSWER_WAIT)
        if question["id"] in answered:
            return
        text = self._own_questions.get(question["text"])
        if text is None:
            text = texts()["chatter"]["automatic_answer"][language_of(question["text"])]
        await self._do("host", "question.answer", id=question["id"], text=text)

    async def _do(self, key: str, command: str, **args: Any) -> None:
        """Do one thing; what is refused (the broadcast has ended, say) is let go."""
        try:
            await self._clients[key].call(command, {"room": self._room, **args})
        except Refused as refused:
            log.info("demo.refused", who=key, command=command, code=refused.code)
            if refused.code in ("room_closed", "muted", "banned", "forbidden"):
                await asyncio.sleep(30)
        except Closed as closed:
            # Banned or signed out everywhere: this one is gone, the others go on.
            log.info("demo.left", who=key, code=closed.code)
            await asyncio.sleep(30)

    async def _pause(self, seconds: tuple[float, float]) -> None:
        await asyncio.sleep(self._random.uniform(*seconds))

    def _id(self) -> str:
        return f"demo-{self._random.getrandbits(64):016x}"


def language_of(text: str) -> str:
    """Guess the language of a text by the script of its letters."""
    scripts = {"HIRAGANA": "ja", "KATAKANA": "ja", "CJK": "ja", "ARABIC": "ar", "THAI": "th"}
    for letter in text:
        found = scripts.get(unicodedata.name(letter, "").split(" ")[0])
        if found:
            return found
    return "en"
