"""A small example shop: takes signed reservations, plays payment, tells Hiroba, and is told."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any, NamedTuple

import httpx
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from rooms.shop import signing
from server.context import Clock, system_clock
from server.errors import Refused
from web.i18n import LANGUAGES, choose_language, translator
from web.pages.rendering import environment
from web.pages.wording import wording

TRIES = 8
"""How often a notice is sent before the shop gives up."""
LATE_MS = 3000
"""How long after the end of a hold `pay late` pays."""
MOST_PAYMENTS, MOST_TOLD = 1000, 200
MOST_BODY = 65_536
DEEDS = {
    "pay": "order.paid",
    "late": "order.paid",
    "fail": "order.failed",
    "cancel": "order.cancelled",
    "refund": "order.refunded",
}


class Secrets(NamedTuple):
    """What the shop shares with Hiroba, and what its endpoint is signed to with."""

    shared: tuple[str, ...]
    endpoint: tuple[str, ...]


@dataclass
class Payment:
    """What the shop knows of a payment for one reservation."""

    claims: dict[str, Any]
    id: str = field(default_factory=lambda: "pay_" + secrets.token_hex(8))
    state: str = ""
    """What Hiroba made of it; empty before it was told."""
    pending: str = ""
    """What it is being told."""
    problem: str = ""


class Shop:
    """One shop; its memory ends with its process, as it is an example."""

    def __init__(
        self,
        hiroba: str,
        secrets: Callable[[], Awaitable[Secrets]],
        *,
        clock: Clock = system_clock,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Serve a Hiroba at an address; `secrets` is asked each time, as they may be changed."""
        self.payments: dict[str, Payment] = {}
        self.told: deque[dict[str, Any]] = deque(maxlen=MOST_TOLD)
        """What Hiroba told, each event once, in order."""
        self._seen: deque[str] = deque(maxlen=MOST_PAYMENTS)
        self._secrets = secrets
        self._clock = clock
        self._sleep = sleep
        self._http = httpx.AsyncClient(
            base_url=hiroba, transport=transport, timeout=10, trust_env=False
        )
        self._tasks: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Stop telling."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._http.aclose()

    async def opened(self, token: str) -> Payment:
        """Give the payment that a signed reservation is for; Refused when it is not to be paid."""
        known = await self._secrets()
        claims = signing.read_token(token, known.shared, self._clock())
        payment = self.payments.setdefault(claims["id"], Payment(claims))
        while len(self.payments) > MOST_PAYMENTS:
            self.payments.pop(next(iter(self.payments)))
        return payment

    def do(self, payment: Payment, deed: str, *, restock: bool = False) -> None:
        """Pay, fail, cancel, refund, or pay late; what is under way is not begun twice."""
        if payment.pending:
            return
        payment.pending, payment.problem = deed, ""
        task = asyncio.create_task(self._tell(payment, deed, restock))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finished(self) -> None:
        """Wait until everything is told."""
        await asyncio.gather(*self._tasks)

    async def _tell(self, payment: Payment, deed: str, restock: bool) -> None:
        try:
            if deed == "late":
                late = payment.claims["until"] + LATE_MS - self._clock()
                await self._sleep(max(0, late) / 1000)
            raw = orjson.dumps(self._notice(payment, DEEDS[deed], restock))
            for number in range(TRIES):
                answer = await self._send(raw)
                if answer is not None:
                    body = answer.json()
                    payment.state = body.get("state", payment.state)
                    payment.problem = body.get("error", {}).get("message", "")
                    return
                await self._sleep(min(30, 2.0**number))
            payment.problem = "no answer"
        finally:
            payment.pending = ""

    def _notice(self, payment: Payment, kind: str, restock: bool) -> dict[str, Any]:
        claims = payment.claims
        return {
            # The same at every repetition, so that it has one effect.
            "id": f"{kind}-{payment.id}",
            "kind": kind,
            "reservation": claims["id"],
            "payment": payment.id,
            "amount": claims["amount"],
            "currency": claims["currency"],
            "restock": restock,
        }

    async def _send(self, raw: bytes) -> httpx.Response | None:
        """Tell Hiroba; None when it has to be told again."""
        signature = signing.sign((await self._secrets()).shared, raw, self._clock() // 1000)
        headers = {"Content-Type": "application/json", signing.HEADER: signature}
        try:
            answer = await self._http.post("/v1/shop/webhook", content=raw, headers=headers)
        except httpx.HTTPError:
            return None
        return None if answer.status_code >= 500 or answer.status_code == 429 else answer

    async def take(self, raw: bytes, header: str) -> bool:
        """Take an event from Hiroba; False for a repetition. Refused when it is not signed."""
        signing.verify(header, (await self._secrets()).endpoint, raw, self._clock() // 1000)
        event = orjson.loads(raw)
        if event["id"] in self._seen:
            return False
        self._seen.append(event["id"])
        self.told.append(event)
        return True


def app(shop: Shop) -> Starlette:
    """Make the shop's pages: /checkout, /hook, and / with what happened."""

    async def checkout(request: Request) -> Response:
        form = await request.form() if request.method == "POST" else {}
        token = str(form.get("token") or request.query_params.get(signing.PARAMETER, ""))
        try:
            payment = await shop.opened(token)
        except Refused as refused:
            return _page(request, status=403, refused=refused.code)
        deed = str(form.get("deed", ""))
        if request.method == "POST":
            if deed in DEEDS:
                shop.do(payment, deed, restock="restock" in form)
            return RedirectResponse(f"checkout?{signing.PARAMETER}={token}", 303)
        return _page(request, payment=payment, token=token)

    async def hook(request: Request) -> Response:
        try:
            raw = await _bounded(request)
            await shop.take(raw, request.headers.get(signing.HEADER, ""))
        except Refused as refused:
            return PlainTextResponse(refused.message, 403)
        except (ValueError, KeyError, TypeError):
            return PlainTextResponse("not an event", 400)
        return PlainTextResponse("ok")

    async def overview(request: Request) -> Response:
        return _page(request, payments=list(shop.payments.values())[::-1], told=list(shop.told))

    return Starlette(
        routes=[
            Route("/", overview),
            Route("/checkout", checkout, methods=["GET", "POST"]),
            Route("/hook", hook, methods=["POST"]),
        ]
    )


async def _bounded(request: Request) -> bytes:
    raw = b""
    async for part in request.stream():
        raw += part
        if len(raw) > MOST_BODY:
            raise Refused("too_large", "This is too large.")
    return raw


def _page(request: Request, *, status: int = 200, **values: Any) -> Response:
    language = choose_language(
        asked=request.query_params.get("lang"),
        remembered=None,
        accepted=request.headers.get("accept-language", ""),
        offered=tuple(LANGUAGES),
    )
    empty: dict[str, Any] = {
        "payment": None,
        "token": "",
        "refused": "",
        "payments": None,
        "told": [],
    }
    template = environment().get_template("demo_shop.html")
    body = template.render({**wording(translator(language), UTC), **empty, **values})
    headers = {
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "Content-Security-Policy": (
            "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'"
        ),
    }
    return HTMLResponse(body, status, headers=headers)
