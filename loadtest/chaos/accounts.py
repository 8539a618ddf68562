"""Members that sign up through the pages, and fetch tickets as a signed-in page does."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Final

import httpx

from loadtest import api
from loadtest.servers import NotStarted

CSRF: Final = re.compile(r'<meta name="csrf" content="([^"]+)">')
PASSWORD: Final = "nine quiet harbours"


class Account:
    """One member with its cookies; they hold on every gateway of this machine."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        """Be made by `sign_up`."""
        self._http = http

    @classmethod
    async def sign_up(cls, url: str, name: str) -> Account:
        """Make a new member on one gateway."""
        account = cls(api.client(url))
        form = {"name": name, "password": PASSWORD, "csrf": await account._csrf(url, "/sign-up")}
        answer = await account._http.post("/sign-up", data=form)
        if answer.status_code != 303:
            await account.close()
            raise NotStarted(f"{name} could not sign up: {answer.status_code}")
        return account

    async def close(self) -> None:
        """Leave, without signing out."""
        await self._http.aclose()

    async def ticket(self, url: str) -> str:
        """Fetch a ticket on a gateway; it is for one connection, to any of them."""
        headers = {"X-CSRF": await self._csrf(url, "/sign-up")}
        answer = await self._http.post(f"{url}/v1/ticket", headers=headers)
        if answer.is_error:
            raise NotStarted(f"no ticket: {answer.status_code} {answer.text[:200]}")
        return str(answer.json()["ticket"])

    def tickets(self, url: str) -> Callable[[], Awaitable[str]]:
        """Give what `Client` takes for its token."""

        async def fetch() -> str:
            return await self.ticket(url)

        return fetch

    async def _csrf(self, url: str, path: str) -> str:
        page = await self._http.get(f"{url}{path}")
        found = CSRF.search(page.text)
        if found is None:
            raise NotStarted(f"{path} answered with {page.status_code} and no form")
        return found[1]
