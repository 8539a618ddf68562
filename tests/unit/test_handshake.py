"""The judgement over opening handshakes."""

from __future__ import annotations

import json

import pytest
from websockets.utils import accept_key

from server.handshake import (
    MAX_HEAD,
    Refusal,
    Upgrade,
    accepted,
    check_target,
    check_upgrade,
    negotiate,
    read_head,
    read_plain_head,
)

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
HEADERS = {
    "Host": "example.org",
    "Upgrade": "websocket",
    "Connection": "keep-alive, Upgrade",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Protocol": "hiroba.v1.json",
}


def head(request: str = "GET /v1/live HTTP/1.1", *more: str, **changes: str | None) -> bytes:
    headers: dict[str, str | None] = {
        **HEADERS,
        **{name.replace("_", "-"): value for name, value in changes.items()},
    }
    lines = [f"{name}: {value}" for name, value in headers.items() if value is not None]
    return "\r\n".join([request, *lines, *more, "", ""]).encode()


def read(*args: str, **changes: str | None) -> Upgrade:
    upgrade = read_head(head(*args, **changes), "203.0.113.7")
    assert isinstance(upgrade, Upgrade)
    return upgrade


def status(refusal: object) -> int:
    assert isinstance(refusal, Refusal)
    return refusal.status


def test_a_head_is_read_into_its_parts() -> None:
    upgrade = read("GET /v1/live?x=1 HTTP/1.1")

    assert (upgrade.method, upgrade.path, upgrade.query) == ("GET", "/v1/live", "x=1")
    assert upgrade.headers["host"] == "example.org"
    assert upgrade.peer == "203.0.113.7"


def test_a_repeated_header_is_joined() -> None:
    upgrade = read("GET / HTTP/1.1", "X-Forwarded-For: 1.1.1.1", "x-forwarded-for: 2.2.2.2")

    assert upgrade.headers["x-forwarded-for"] == "1.1.1.1, 2.2.2.2"


@pytest.mark.parametrize(
    "data",
    [
        head(),
        head("GET /v1/live?a=%20b HTTP/1.1", "Origin: http://a.example:8080"),
        head("GET / HTTP/1.1", "X-Name: caf\xe9", "X-Empty:", "X-Wide:\t a \t"),
        head(Connection="keep-alive,Upgrade", Upgrade="WebSocket"),
    ],
)
def test_a_plain_head_is_read_as_any_other_and_what_follows_is_kept(data: bytes) -> None:
    assert read_plain_head(data + b"\x81\x80\r\n\r\n", "203.0.113.7") == (
        read_head(data, "203.0.113.7"),
        b"\x81\x80\r\n\r\n",
    )


@pytest.mark.parametrize(
    "data",
    [
        head()[:-1],
        head("POST /v1/live HTTP/1.1"),
        head("GET /v1/live HTTP/1.0"),
        head("GET  /v1/live HTTP/1.1"),
        head("GET http://example.org/v1/live HTTP/1.1"),
        head("GET /v1/live#part HTTP/1.1"),
        head("GET /v1/live HTTP/1.1", "X: 1", "x: 2"),
        head("GET /v1/live HTTP/1.1", " folded: line"),
        head("GET /v1/live HTTP/1.1", "space : before"),
        head("GET /v1/live HTTP/1.1", "no colon"),
        head("GET /v1/live HTTP/1.1", ": no name"),
        head("GET /v1/live HTTP/1.1", "zero: \0"),
        head("GET /v1/live HTTP/1.1", "bare: a\nb: c"),
        head("GET /v1/live HTTP/1.1", "bare: a\rb: c"),
        head("GET /v1/live HTTP/1.1", "x: " + "y" * MAX_HEAD),
        head(Content_Length="0"),
        head(Transfer_Encoding="chunked"),
        head(Upgrade=None),
        head(Upgrade="websocket, h2c"),
        head(Connection="close"),
        head(Connection=None),
        b"GET /v1/live HTTP/1.1\r\n\r\n",
        b"",
    ],
)
def test_an_unusual_head_is_left_to_a_parser_of_http(data: bytes) -> None:
    assert read_plain_head(data, "") is None


@pytest.mark.parametrize(
    "name", ["Host", "Origin", "Authorization", "Sec-WebSocket-Key", "Sec-WebSocket-Version"]
)
def test_a_header_that_decides_may_stand_there_only_once(name: str) -> None:
    data = head("GET / HTTP/1.1", f"{name}: a", f"{name.upper()}: b")

    assert status(read_head(data, "")) == 400


@pytest.mark.parametrize(
    "data",
    [
        head("GET / HTTP/1.0"),
        head("GET /"),
        head("GET / x HTTP/1.1"),
        head("GET / HTTP/1.1", "no colon"),
        head("GET / HTTP/1.1", " folded: line"),
        head("GET / HTTP/1.1", "space : before"),
        b"",
    ],
)
def test_a_head_that_cannot_be_read_is_refused(data: bytes) -> None:
    assert status(read_head(data, "")) == 400


def test_a_head_above_the_limit_is_refused() -> None:
    assert status(read_head(head("GET / HTTP/1.1", "x: " + "y" * MAX_HEAD), "")) == 431


def test_a_correct_handshake_is_accepted() -> None:
    upgrade = read()

    assert check_target(upgrade, "/v1/live") is None
    assert check_upgrade(upgrade) is None
    subprotocol = negotiate(upgrade)
    assert subprotocol == "hiroba.v1.json"
    response = accepted(upgrade, subprotocol).decode()
    assert response.startswith("HTTP/1.1 101 ")
    assert f"sec-websocket-accept: {accept_key(KEY)}\r\n" in response
    assert response.endswith("sec-websocket-protocol: hiroba.v1.json\r\n\r\n")


def test_another_path_is_not_found_and_another_method_not_allowed() -> None:
    assert status(check_target(read("GET /v1/live/ HTTP/1.1"), "/v1/live")) == 404
    refusal = check_target(read("POST /v1/live HTTP/1.1"), "/v1/live")
    assert status(refusal) == 405
    assert refusal is not None and refusal.headers["allow"] == "GET"


@pytest.mark.parametrize("version", ["8", "14", "13, 8", None])
def test_another_version_is_told_the_right_one(version: str | None) -> None:
    refusal = check_upgrade(read(Sec_WebSocket_Version=version))

    assert status(refusal) == 426
    assert refusal is not None and refusal.headers["sec-websocket-version"] == "13"


@pytest.mark.parametrize(
    "changes",
    [
        {"Sec_WebSocket_Key": None},
        {"Sec_WebSocket_Key": "short"},
        {"Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ"},
        {"Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZSE="},
        {"Sec_WebSocket_Key": "広場"},
        {"Upgrade": None},
        {"Upgrade": "h2c"},
        {"Connection": "keep-alive"},
        {"Connection": None},
        {"Host": None},
        {"Content_Length": "5"},
        {"Transfer_Encoding": "chunked"},
    ],
)
def test_a_handshake_that_the_standard_does_not_allow_is_refused(
    changes: dict[str, str | None],
) -> None:
    assert status(check_upgrade(read(**changes))) == 400


def test_the_first_spoken_subprotocol_of_the_list_is_chosen() -> None:
    offer = "soap, hiroba.v1.msgpack ,hiroba.v1.json"

    assert negotiate(read(Sec_WebSocket_Protocol=offer)) == "hiroba.v1.msgpack"


@pytest.mark.parametrize("offer", [None, "", "soap", "hiroba.v2.json", "HIROBA.V1.JSON"])
def test_an_offer_without_a_spoken_subprotocol_is_refused(offer: str | None) -> None:
    assert status(negotiate(read(Sec_WebSocket_Protocol=offer))) == 400


def test_a_refusal_is_a_complete_response() -> None:
    refusal = Refusal.of(503, "unavailable", "Full – try later.", retry_after="7")

    top, _, body = refusal.encode().partition(b"\r\n\r\n")

    assert top.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    lines = top.decode().split("\r\n")
    assert "retry-after: 7" in lines
    assert "connection: close" in lines
    assert f"content-length: {len(body)}" in lines
    assert json.loads(body) == {"error": {"code": "unavailable", "message": "Full – try later."}}


def test_a_refusal_sets_its_own_length_and_connection() -> None:
    response = Refusal(429, {"Content-Length": "999", "Connection": "keep-alive"}, b"no").encode()

    assert response.count(b"content-length: 2\r\n") == 1
    assert b"999" not in response
    assert b"keep-alive" not in response
