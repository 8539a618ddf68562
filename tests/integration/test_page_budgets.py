"""What a page costs before anything is seen."""

from __future__ import annotations

import gzip
import re
from collections.abc import AsyncIterator

import httpx
import pytest

from server.settings import Settings
from tests.integration.street import Street, street

HTML_AND_CSS = 30 * 1024
SCRIPT = 10 * 1024
LIVE_SCRIPT = 25 * 1024
STYLES = re.compile(r'<link rel="stylesheet" href="(/[^"]+)"')
SCRIPTS = re.compile(r'<link rel="modulepreload" href="(/[^"]+)"')


@pytest.fixture
async def town(settings: Settings) -> AsyncIterator[Street]:
    async with street(settings, gateways=1) as made:
        yield made


def packed(body: bytes) -> int:
    return len(gzip.compress(body, 9))


async def weigh(town: Street, path: str) -> tuple[int, int]:
    """Give the compressed bytes of a page with its styles, and of its scripts."""
    async with httpx.AsyncClient(base_url=town.urls[0]) as browser:
        page = await browser.get(path)
        assert page.status_code == 200
        text = re.sub(r"<noscript>.*?</noscript>", "", page.text, flags=re.DOTALL)
        styles = [await browser.get(found) for found in STYLES.findall(text)]
        scripts = [await browser.get(found) for found in SCRIPTS.findall(text)]
    look = packed(page.content) + sum(packed(style.content) for style in styles)
    return look, sum(packed(script.content) for script in scripts)


@pytest.mark.parametrize("lang", ["ja", "ar", "th", "en"])
async def test_pages_stay_within_their_budgets(town: Street, lang: str) -> None:
    host = await town.world.member("Nagi")
    live = await town.world.room("shop", "live")
    await town.world.showing(live, host)
    await town.world.room("skin", "topic")

    for path in ("/", "/topics", "/search", "/questions", "/sign-in", "/sign-up", "/rules"):
        look, script = await weigh(town, f"{path}?lang={lang}")
        assert look <= HTML_AND_CSS, path
        assert script <= SCRIPT, path
    for path in ("/rooms/shop", "/rooms/skin"):
        look, script = await weigh(town, f"{path}?lang={lang}")
        assert look <= HTML_AND_CSS, path
        assert script <= LIVE_SCRIPT, path
