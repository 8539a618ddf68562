"""Who asks: cookies, addresses, form tokens and origins, without a server."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from server.errors import Refused
from server.settings import Settings
from web import session

HERE = "http://127.0.0.1:8000"


def request(headers: dict[str, str], peer: str = "192.0.2.1", **settings: Any) -> Request:
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/x",
        "query_string": b"",
        "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items()],
        "client": (peer, 1234),
        "state": {"ctx": SimpleNamespace(settings=Settings.for_tests(**settings))},
    }
    return Request(scope)


def check(headers: dict[str, str], token: object) -> str:
    try:
        session.check_csrf(request(headers), token)
    except Refused as refused:
        return refused.code
    return "taken"


def test_a_form_of_our_page_is_taken() -> None:
    headers = {"Origin": HERE, "Cookie": "hiroba-seed=noise"}

    assert check(headers, session.csrf_token("noise")) == "taken"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": HERE + ".evil.example"},
        {"Origin": "http://127.0.0.1:8001"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_form_of_another_page_is_refused_even_with_the_right_token(
    headers: dict[str, str],
) -> None:
    headers = {**headers, "Cookie": "hiroba-seed=noise"}

    assert check(headers, session.csrf_token("noise")) == "forbidden"


@pytest.mark.parametrize("token", ["", None, 5, "ü", session.csrf_token("other"), "noise"])
def test_a_form_without_the_token_of_this_browser_is_refused(token: object) -> None:
    assert check({"Origin": HERE, "Cookie": "hiroba-seed=noise"}, token) == "forbidden"


def test_a_browser_without_our_cookie_has_no_token_at_all() -> None:
    assert check({"Origin": HERE}, session.csrf_token("")) == "forbidden"


def test_a_program_without_an_origin_needs_the_token_all_the_same() -> None:
    assert check({"Cookie": "hiroba-seed=noise"}, session.csrf_token("noise")) == "taken"
    assert check({}, "") == "forbidden"


def test_the_address_comes_from_the_right_while_proxies_are_trusted() -> None:
    forwarded = {"X-Forwarded-For": "203.0.113.9, 198.51.100.1"}

    behind = request(forwarded, "10.0.0.5", trusted_proxies=networks("10.0.0.0/8"))
    direct = request(forwarded, "192.0.2.1", trusted_proxies=networks("10.0.0.0/8"))

    assert session.address_of(behind) == "198.51.100.1"
    assert session.address_of(direct) == "192.0.2.1"


def networks(*texts: str) -> Any:
    return Settings.from_env({"TRUSTED_PROXIES": ",".join(texts)}).trusted_proxies


@pytest.mark.parametrize("secure", [True, False])
def test_cookies_behind_tls_are_bound_to_this_host(secure: bool) -> None:
    url = "https://live.example" if secure else HERE
    asked, response = request({}, public_url=url), Response()

    session.remember_session(asked, response, "value")

    cookies = response.headers.getlist("set-cookie")
    assert len(cookies) == 2
    for cookie in cookies:
        assert cookie.startswith("__Host-hiroba") == secure
        assert ("; Secure" in cookie) == secure
        assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Path=/" in cookie
        assert "Domain" not in cookie
    assert "Max-Age=0" in cookies[1]
