"""What every page has in common: language, theme, safety headers, errors."""

from __future__ import annotations

import re
from datetime import UTC

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from server.errors import Refused
from web.i18n import LANGUAGES, translator
from web.pages import preferences
from web.pages.errors import page_for
from web.pages.people import hue, initials
from web.pages.preferences import local_path
from web.pages.rendering import policy
from web.pages.wording import filled, words_block, written_moment


async def broken(request: Request) -> Response:
    code = int(request.query_params.get("code", 404))
    return page_for(
        request, code, Refused("rate_limited", retry_after=2400) if code == 429 else None
    )


routes = [Route("/", broken, name="home"), *preferences.routes]


@pytest.fixture
def browser():
    return TestClient(Starlette(routes=routes), follow_redirects=False)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", [400, 403, 404, 429, 500, 503])
def test_an_error_page_speaks_the_readers_language(browser, language, code):
    answer = browser.get("/", params={"lang": language, "code": code})

    assert answer.status_code == code
    assert f'<html lang="{language}" dir="{translator(language).direction}"' in answer.text
    assert translator(language).gettext("To the home page") in answer.text
    assert answer.headers["content-language"] == language


def test_a_wait_is_said_in_whole_seconds_and_as_a_header(browser):
    answer = browser.get("/?code=429&lang=en")

    assert answer.headers["retry-after"] == "3"
    assert "Try again in 3 seconds." in answer.text


def test_a_page_allows_no_script_of_its_own_and_runs_none_inline(browser):
    answer = browser.get("/")

    assert "script-src 'self';" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert not re.search(r"<script(?![^>]* src=)(?![^>]*application/)", answer.text)
    assert not re.search(r'\son\w+="|\sstyle="', answer.text)


def test_a_page_may_name_where_its_video_comes_from():
    said = policy({"media-src": ["https://video.example"], "frame-src": ["https://player.example"]})

    assert "media-src 'self' blob: https://video.example;" in said
    assert "frame-src https://player.example;" in said
    assert "base-uri 'none'" in said


def test_a_page_links_only_to_pages_that_exist(browser):
    text = browser.get("/").text

    assert 'href="/"' in text
    assert not re.search(r'href="/(search|sign-in|rules|privacy|live|topics)', text)


def test_language_and_appearance_are_remembered_and_the_reader_stays_where_they_were(browser):
    answer = browser.post(
        "/preferences", data={"lang": "ar", "theme": "dark", "back": "/?code=403"}
    )
    page = browser.get(answer.headers["location"])

    assert answer.status_code == 303
    assert page.status_code == 403
    assert 'lang="ar" dir="rtl" data-theme="dark"' in page.text


def test_a_language_the_product_has_not_is_not_remembered(browser):
    answer = browser.post("/preferences", data={"lang": "tlh", "theme": "neon", "back": "/"})

    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "wanted",
    ["https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere", "x", None, "/\n"],
)
def test_nobody_is_sent_to_another_site(wanted):
    assert local_path(wanted) == "/"


def test_values_in_a_sentence_are_escaped_and_numbers_written_in_the_language():
    said = filled(translator("en"), "{name} has {n}", {"name": "<b>Ann</b>", "n": 12480})

    assert said == "&lt;b&gt;Ann&lt;/b&gt; has 12,480"


def test_a_time_carries_its_moment_for_the_browser():
    said = written_moment(translator("ja"), UTC, 0, "time")

    assert said == '<time datetime="1970-01-01T00:00:00Z" data-form="time">0:00</time>'


def test_words_for_scripts_cannot_end_their_block():
    assert "<" not in str(words_block(translator("ja"), "core/page.js"))[1:-9].replace(
        "</script", ""
    )


def test_a_person_keeps_colour_and_letters():
    assert hue("m42") == hue("m42") in range(12)
    assert initials("น้ำฝน") == "นฝ"
    assert initials("mika") == "m"
    assert initials("") == ""
