"""The shop behind it: it signs what it tells, and tells everything twice."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from typing import Any, Final

import httpx

from loadtest.sale.stall import CURRENCY

PATH: Final = "/v1/shop/webhook"
MOST_TRIES: Final = 60
PAUSE: Final = 0.5


class Shop:
    """Tells over HTTP what became of a payment, to any of the gateways."""

    def __init__(self, url: str, secret: str) -> None:
        """Speak for the holder of a secret; to be closed."""
        self._http = httpx.AsyncClient(base_url=url, timeout=30, trust_env=False)
        self._secret = secret

    async def close(self) -> None:
        """End its connections."""
        await self._http.aclose()

    async def tell(self, kind: str, reservation: str, amount: int) -> list[Mapping[str, Any]]:
        """Tell an event twice at the same moment; gives both answers."""
        body = {
            "id": secrets.token_hex(12),
            "kind": kind,
            "reservation": reservation,
            "payment": f"p-{reservation}",
            "amount": amount,
            "currency": CURRENCY,
        }
        raw = json.dumps(body).encode()
        return list(await asyncio.gather(self._post(raw), self._post(raw)))

    async def _post(self, raw: bytes) -> Mapping[str, Any]:
        """Repeat what could not be taken, as shops do."""
        for _ in range(MOST_TRIES):
            answer = await self._http.post(PATH, content=raw, headers=self._signed(raw))
            if answer.status_code not in (429, 503):
                break
            await asyncio.sleep(PAUSE)
        told: Mapping[str, Any] = answer.json()
        return told

    def _signed(self, raw: bytes) -> dict[str, str]:
        at = str(int(time.time()))
        mac = hmac.new(self._secret.encode(), f"{at}.".encode() + raw, hashlib.sha256)
        return {
            "Content-Type": "application/json",
            "Hiroba-Signature": f"t={at},v1={mac.hexdigest()}",
        }
