"""Somebody who reads pages and sends their forms, without a browser."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import httpx

from rooms.members import sessions
from server.context import Viewer
from server.settings import Settings
from tests.integration.street import street
from tests.integration.world import World

PASSWORD = "a quiet harbour"


@dataclass
class Form:
    """A form of a page with what its fields hold."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)


class Page(HTMLParser):
    """An answer read as a page: its forms, its sentences beside fields, its headings."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__()
        self.status, self.text, self.headers = response.status_code, response.text, response.headers
        self.path = response.url.path
        self.forms: list[Form] = []
        self.problems: dict[str, str] = {}
        """Sentences by field; a banner stands under the empty name."""
        self.links: list[str] = []
        self.current: list[str] = []
        """The links that a menu marks as the page one is on."""
        self._area = self._option = self._problem = ""
        self.feed(response.text)

    def form(self, action: str = "", **holding: str) -> Form:
        """Find the form with this action that holds these values."""
        return next(
            form
            for form in self.forms
            if form.action in (action, "") and holding.items() <= form.fields.items()
        )

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        assert "style" not in values, f"a style attribute on {tag}"
        name = values.get("name", "")
        if tag == "form":
            self.forms.append(Form(values.get("action", "")))
        elif tag == "a":
            self.links.append(values.get("href", ""))
            if values.get("aria-current") == "page":
                self.current.append(values.get("href", ""))
        elif tag == "p" and "err" in values.get("class", "").split():
            self._problem = values.get("id", "-error").removesuffix("-error") or "-"
        elif tag == "p" and "dang" in values.get("class", "").split():
            self._problem = "banner"
        elif not self.forms or not name:
            pass
        elif tag == "input" and values.get("type") in ("radio", "checkbox"):
            if "checked" in values:
                self.forms[-1].fields[name] = values.get("value", "on")
        elif tag == "input" and values.get("type") != "file":
            self.forms[-1].fields[name] = values.get("value", "")
        elif tag == "textarea":
            self.forms[-1].fields[name] = ""
            self._area = name
        elif tag == "select":
            self._option = name
        if tag == "option" and self._option:
            fields, value = self.forms[-1].fields, values.get("value", "")
            # A list without a chosen entry sends its first one.
            if "selected" in values or self._option not in fields:
                fields[self._option] = value

    def handle_endtag(self, tag: str) -> None:
        if tag == "p":
            self._problem = ""
        elif tag == "textarea":
            self._area = ""
        elif tag == "select":
            self._option = ""

    def handle_data(self, data: str) -> None:
        if self._area:
            self.forms[-1].fields[self._area] += data
        if self._problem and data.strip():
            key = "" if self._problem == "banner" else self._problem
            self.problems[key] = self.problems.get(key, "") + data.strip()


@dataclass
class Person:
    """A browser of somebody, with its cookies."""

    http: httpx.AsyncClient

    async def open(self, path: str) -> Page:
        """Open a page, in English, following redirects."""
        return Page(await self.http.get(path, follow_redirects=True))

    async def send(
        self, page: Page, form: Form, files: Mapping[str, Any] | None = None, **changes: str | None
    ) -> Page:
        """Send a form of a page with some fields changed (None leaves one out), and follow."""
        fields = {k: v for k, v in {**form.fields, **changes}.items() if v is not None}
        target = form.action or page.path
        response = await self.http.post(target, data=fields, files=files, follow_redirects=True)
        return Page(response)


@dataclass
class Town:
    """A running application and the community behind it."""

    world: World
    url: str
    people: list[httpx.AsyncClient] = field(default_factory=list)

    def person(self) -> Person:
        """Open a browser without cookies."""
        headers = {"Origin": self.url, "Accept-Language": "en"}
        http = httpx.AsyncClient(base_url=self.url, headers=headers, timeout=30)
        self.people.append(http)
        return Person(http)

    async def signed_in(self, viewer: Viewer) -> Person:
        """Open the browser of a member."""
        person = self.person()
        cookie = await sessions.begin(self.world.ctx, int((viewer.id or "m0")[1:]))
        person.http.cookies.set("hiroba", cookie)
        return person


@asynccontextmanager
async def town(settings: Settings, **changes: Any) -> AsyncIterator[Town]:
    """Run the application on the servers of these settings."""
    async with street(settings, gateways=1, **changes) as s:
        opened = Town(s.world, s.urls[0])
        try:
            yield opened
        finally:
            for http in opened.people:
                await http.aclose()
