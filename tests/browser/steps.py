"""What people do in a room, and waiting for what comes of it."""

from __future__ import annotations

import time


def opened(window, server, *, lang="en", **options):
    """Open the room and wait until its socket is joined."""
    page = window(**options)
    page.goto(f"{server.url}/rooms/live?lang={lang}")
    page.wait_for_selector("live-stage:defined", state="attached")
    until(lambda: server.connected == 1)
    return page


def until(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def write(page, text):
    page.fill("#text", text)
    page.press("#text", "Enter")


def rows(page):
    return page.locator("#panel-comments li.c")


def row(page, text):
    return page.locator("#panel-comments li", has_text=text)
