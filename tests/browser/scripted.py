"""A server whose pages are the product's own and whose socket says what a test tells it to."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from rooms.history.rules import PastMessage
from server.context import Viewer
from web import static_files
from web.pages import preferences

EPOCH = 1_763_750_000_000
PageOf = Callable[[Request, str], Response]


class Scripted:
    """One room "1"; its socket answers commands as told and pushes what it is given."""

    def __init__(self, page: PageOf, *, viewer: Viewer | None = None, media: Path | None = None):
        self.page, self.viewer, self.media = page, viewer, media
        self.offset = 0
        self.heard: list[dict[str, Any]] = []
        self.refusals: dict[str, dict[str, Any]] = {}
        self.verdict = "allow"
        self.deaf = False
        """Commands other than connect get no answer."""
        self.shut = False
        """New connections are refused."""
        self.lost = False
        """A reconnect finds that its position cannot be recovered."""
        self.room: dict[str, Any] = {"mode": "everyone", "min_rank": 10, "cooldown_ms": 0}
        self.you: dict[str, Any] = {}
        self.older: Sequence[PastMessage] = ()
        """What the saved history answers, whatever it is asked."""
        self.before: str | None = None
        """Where that history goes on."""
        self.window: list[tuple[int, int, dict[str, Any]]] = []
        self.answers: dict[str, dict[str, Any]] = {}
        """What commands are answered with, by their names."""
        self.shelf: dict[str, Any] = {}
        """What the room sells, as GET shelf answers."""
        self._sockets: dict[WebSocket, bool] = {}
        self._loop = asyncio.new_event_loop()
        self._server = uvicorn.Server(
            uvicorn.Config(self._app(), port=0, log_level="critical", ws="websockets-sansio")
        )
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Scripted:
        self._thread.start()
        deadline = time.monotonic() + 10
        while not self._server.started and time.monotonic() < deadline:
            threading.Event().wait(0.01)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(10)

    def push(self, *bodies: dict[str, Any], of: int | None = None, why: str = "sampled") -> None:
        """Publish bodies in one push; `of` larger than their number tells of left-out ones."""
        at = round(time.time() * 1000)
        first = self.offset + 1
        self.offset += max(len(bodies), of or 0)
        pubs = [[first + index, at, body] for index, body in enumerate(bodies)]
        self.window += [(offset, when, body) for offset, when, body in pubs]
        frame = {"ch": "room:1", "epoch": EPOCH, "from": first, "to": self.offset, "pubs": pubs}
        if of is not None:
            frame |= {"of": of, "why": why}
        self._send(frame)

    def now(self, body: dict[str, Any]) -> None:
        """Say something that has no place."""
        self._send({"ch": "room:1", "now": [body]})

    def close(self, code: int = 1012) -> None:
        """End every connection."""
        for socket in list(self._sockets):
            asyncio.run_coroutine_threadsafe(socket.close(code), self._loop).result(5)

    @property
    def connected(self) -> int:
        """How many connections have been accepted by `connect`."""
        return sum(self._sockets.values())

    def commands(self, name: str) -> list[dict[str, Any]]:
        """Give the arguments of every command of that name, oldest first."""
        return [heard["args"] for heard in self.heard if heard["cmd"] == name]

    def _send(self, frame: dict[str, Any]) -> None:
        for socket, ready in list(self._sockets.items()):
            if ready:
                sent = socket.send_text(json.dumps(frame))
                asyncio.run_coroutine_threadsafe(sent, self._loop).result(5)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._server.serve())

    def _app(self) -> Starlette:
        async def page(request: Request) -> Response:
            request.state.viewer = self.viewer or Viewer()
            request.state.csrf = "token"
            return self.page(request, request.path_params.get("slug", ""))

        async def post(request: Request) -> Response:
            form = await request.form()
            self.heard.append({"cmd": "form", "args": dict(form)})
            return RedirectResponse(f"/rooms/{request.path_params['slug']}", 303)

        async def ticket(_: Request) -> Response:
            return JSONResponse({"ticket": "t"})

        async def guest(request: Request) -> Response:
            name = (await request.json())["name"]
            if "guest" in self.refusals:
                return JSONResponse({"error": self.refusals["guest"]}, 400)
            self.viewer = Viewer(id="g0000000000000001", name=name, rank=10)
            you = {"id": self.viewer.id, "name": name}
            return JSONResponse({"token": "a guest's", "you": you})

        async def messages(_: Request) -> Response:
            found = [message.as_json() for message in self.older]
            return JSONResponse({"messages": found, "before": self.before})

        async def shelf(_: Request) -> Response:
            self.heard.append({"cmd": "GET shelf", "args": {}})
            return JSONResponse(self.shelf)

        async def media(request: Request) -> Response:
            if self.media is None:
                return Response("", 404)
            return FileResponse(self.media / request.path_params["name"])

        async def empty(_: Request) -> Response:
            return Response("")

        return Starlette(
            routes=[
                Route("/", page, name="home"),
                Route("/live", empty, name="live"),
                Route("/topics", empty, name="topics"),
                Route("/search", empty, name="search"),
                Route("/sign-in", empty, name="sign_in"),
                Route("/me", empty, name="profile"),
                Route("/rules", empty, name="rules"),
                Route("/privacy", empty, name="privacy"),
                Route("/rooms/{slug}", page, name="room"),
                Route("/rooms/{slug}/comments", post, name="post_comment", methods=["POST"]),
                Route("/v1/ticket", ticket, methods=["POST"]),
                Route("/v1/guest", guest, methods=["POST"]),
                Route("/v1/rooms/1/messages", messages),
                Route("/v1/rooms/1/shelf", shelf),
                Route("/media/{name}", media),
                WebSocketRoute("/v1/live", self._live),
                *preferences.routes,
                *static_files.routes,
            ]
        )

    async def _live(self, socket: WebSocket) -> None:
        if self.shut:
            return await socket.close(1013)
        await socket.accept("hiroba.v1.json")
        self._sockets[socket] = False
        try:
            while True:
                command = json.loads(await socket.receive_text())
                self.heard.append(command)
                answer = self._answer(command["cmd"], command.get("args", {}))
                if answer is not None:
                    await socket.send_text(json.dumps({"id": command["id"], **answer}))
                if command["cmd"] == "connect":
                    self._sockets[socket] = True
        except WebSocketDisconnect:
            pass
        finally:
            self._sockets.pop(socket, None)

    def _answer(self, name: str, args: dict[str, Any]) -> dict[str, Any] | None:
        if name == "connect":
            return {"ok": self._connected(args)}
        if self.deaf:
            return None
        if name in self.refusals:
            return {"error": self.refusals[name]}
        if name in self.answers:
            return {"ok": self.answers[name]}
        if name == "comment.post":
            return {"ok": self._posted()}
        if name in ("subscribe", "history"):
            return {"ok": self._joined(args)}
        return {"ok": {}}

    def _connected(self, args: dict[str, Any]) -> dict[str, Any]:
        known = self.viewer if args.get("token") else None
        joined = {s["channel"]: {"ok": self._joined(s)} for s in args.get("subscribe", [])}
        return {
            "session": "s",
            "rank": known.rank if known else 0,
            "you": {"id": known.id, "name": known.name} if known else None,
            "time": round(time.time() * 1000),
            "resume": "again",
            "expires_in": 600_000,
            "limits": {"frame": 8192, "channels": 32, "text": 500},
            "subscriptions": joined,
        }

    def _joined(self, args: dict[str, Any]) -> dict[str, Any]:
        after = args.get("offset", 0)
        pubs = [list(entry) for entry in self.window if entry[0] > after][-50:]
        return {
            "epoch": EPOCH,
            "offset": self.offset,
            "recovered": "offset" in args and not self.lost,
            "pubs": pubs,
            "room": self.room,
            "you": self.you,
        }

    def _posted(self) -> dict[str, Any]:
        at = round(time.time() * 1000)
        if self.verdict == "held":
            return {"id": f"held{len(self.heard):018}", "verdict": "held", "at": at}
        self.offset += 1
        place = {"epoch": EPOCH, "offset": self.offset, "at": at}
        return {"id": f"sent{self.offset:018}", "verdict": "allow", **place}
