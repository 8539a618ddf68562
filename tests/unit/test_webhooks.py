"""What is signed, what is believed, and when it is tried again; no socket, no database."""

from __future__ import annotations

import hashlib
import hmac

import orjson
import pytest

from rooms.shop import signing
from rooms.shop.webhooks.notices import notice_of
from rooms.shop.webhooks.rules import (
    KINDS,
    Event,
    body_of,
    endpoint_url,
    headers_of,
    kinds_of,
    wait_s,
)
from server.errors import Refused
from server.outside import is_public

SECRET, OLD = "hrb_new-secret-of-the-shop", "hrb_old-secret-of-the-shop"
NOW = 1_763_750_000
CLAIMS = {"id": "r1", "amount": 4200, "currency": "JPY", "expires": (NOW + 60) * 1000}


def code(error: pytest.ExceptionInfo[Refused]) -> str:
    return error.value.code


def test_the_signature_is_what_the_page_for_shops_says() -> None:
    body = b'{"id":"1"}'

    right = hmac.new(SECRET.encode(), b"1763750000." + body, hashlib.sha256).hexdigest()

    assert signing.sign([SECRET], body, NOW) == f"t=1763750000,v1={right}"


def test_while_secrets_are_changed_either_side_may_be_first() -> None:
    body = b"{}"

    signing.verify(signing.sign([SECRET, OLD], body, NOW), [OLD], body, NOW)
    signing.verify(signing.sign([OLD], body, NOW), [SECRET, OLD], body, NOW)
    with pytest.raises(Refused) as error:
        signing.verify(signing.sign([OLD], body, NOW), [SECRET], body, NOW)
    assert code(error) == "unauthenticated"


@pytest.mark.parametrize("off", [-300, 300])
def test_five_minutes_are_believed_in_either_direction(off: int) -> None:
    signing.verify(signing.sign([SECRET], b"{}", NOW + off), [SECRET], b"{}", NOW)


@pytest.mark.parametrize("off", [-301, 301])
def test_what_was_signed_longer_ago_is_expired(off: int) -> None:
    with pytest.raises(Refused) as error:
        signing.verify(signing.sign([SECRET], b"{}", NOW + off), [SECRET], b"{}", NOW)

    assert code(error) == "expired"


GOOD = signing.sign([SECRET], b"{}", NOW).removeprefix(f"t={NOW},v1=")


@pytest.mark.parametrize(
    "header",
    [
        *("", "t=1763750000", f"v1={GOOD}", f"t={NOW},v1={GOOD[:-1]}", f"t={NOW},v1={GOOD}0"),
        *(f"t={NOW + 1},v1={GOOD}", f"t={NOW},t={NOW},v1={GOOD}", f"t=+{NOW},v1={GOOD}"),
        *(f"t={NOW},v1={GOOD.upper()}", f"t={NOW},v0={GOOD}", f"t=1e9,v1={GOOD}", "x" * 5000),
        *(f"t={NOW},v1=é{GOOD}", f"t=١٧٦٣٧٥٠٠٠٠,v1={GOOD}", ",".join(["v1=0"] * 300)),
        f"t={NOW}," + "v1=00," * 6 + f"v1={GOOD}",
    ],
)
def test_no_other_header_is_taken_for_a_signature(header: str) -> None:
    with pytest.raises(Refused) as error:
        signing.verify(header, [SECRET], b"{}", NOW)

    assert code(error) == "unauthenticated"


def test_without_a_secret_nothing_is_believed() -> None:
    with pytest.raises(Refused):
        signing.verify(signing.sign([], b"{}", NOW), [], b"{}", NOW)


def test_every_byte_of_the_body_is_signed() -> None:
    header = signing.sign([SECRET], b'{"amount":100}', NOW)

    with pytest.raises(Refused):
        signing.verify(header, [SECRET], b'{"amount":101}', NOW)


def test_a_signed_reservation_says_what_was_signed_until_it_expires() -> None:
    token = signing.token([SECRET, OLD], CLAIMS)

    assert signing.read_token(token, [OLD], NOW * 1000) == CLAIMS
    with pytest.raises(Refused) as error:
        signing.read_token(token, [OLD], (NOW + 60) * 1000)
    assert code(error) == "expired"


@pytest.mark.parametrize("change", [lambda t: t[:-1] + "x", lambda t: "e30" + t, lambda t: "", str])
def test_a_changed_reservation_is_not_believed(change: object) -> None:
    token = signing.token(["some other secret"], CLAIMS) if change is str else "."
    changed = token if change is str else change(signing.token([SECRET], CLAIMS))  # type: ignore[operator]

    with pytest.raises(Refused) as error:
        signing.read_token(changed, [SECRET], NOW)

    assert code(error) == "unauthenticated"


def test_a_signed_body_is_no_signed_reservation() -> None:
    token = signing.token([SECRET], CLAIMS)
    payload, mac = token.split(".")

    with pytest.raises(Refused):
        signing.verify(f"t={NOW},v1={mac}", [SECRET], payload.encode(), NOW)


def test_the_address_of_the_checkout_keeps_its_own_query() -> None:
    assert signing.address("https://s.example/pay?a=1#top", "T.1").endswith(
        "/pay?a=1&reservation=T.1#top"
    )
    assert signing.address("https://s.example/pay", "T") == "https://s.example/pay?reservation=T"


def test_a_repetition_has_the_same_body_and_id_and_another_time() -> None:
    event = Event("e1", 7, "order.paid", "42", {"id": "1"}, NOW * 1000)

    first = headers_of(event, (SECRET,), body_of(event), NOW)
    later = headers_of(event, (SECRET,), body_of(event), NOW + 900)

    assert first["Hiroba-Event"] == later["Hiroba-Event"] == "e1"
    assert first[signing.HEADER] != later[signing.HEADER]
    signing.verify(later[signing.HEADER], [SECRET], body_of(event), NOW + 900)


def test_waiting_doubles_from_a_second_to_ten_minutes() -> None:
    waits = [wait_s(failures, 0.0) for failures in range(1, 14)]

    assert waits[:4] == [2, 4, 8, 16]
    assert waits[-1] == waits[-2] == 600
    assert all(
        1 <= wait_s(f, chance) <= 600 for f in (0, 1, 5, 10**6) for chance in (0.0, 0.5, 0.999)
    )
    assert wait_s(8, 0.999) < wait_s(8, 0.0)


@pytest.mark.parametrize(
    "url",
    ["https://shop.example/hook?a=1", "http://127.0.0.1:9/", "http://[::1]/", "http://localhost"],
)
def test_events_may_be_sent_to(url: str) -> None:
    assert endpoint_url(f" {url} ") == url


@pytest.mark.parametrize(
    "url",
    [
        *("http://shop.example/", "ftp://shop.example", "//shop.example", "shop.example", "", None),
        *("https://", "https://a b/", "https://u:p@shop.example/", "https://shop.example/#x"),
        *("https://shop.example:99999/", "https://ショップ.example/", "http://127.0.0.1.example/"),
        *("https://shop.example/\r\nX: 1", "https:\\\\shop.example", "https://x/" + "a" * 2000),
    ],
)
def test_events_may_not_be_sent_to(url: object) -> None:
    with pytest.raises(Refused) as error:
        endpoint_url(url)

    assert (code(error), error.value.details["field"]) == ("invalid", "url")


def test_all_kinds_are_written_as_none_so_that_later_ones_come_too() -> None:
    assert kinds_of(list(KINDS)) == []
    assert kinds_of(["order.refunded", "order.paid"]) == ["order.paid", "order.refunded"]
    with pytest.raises(Refused):
        kinds_of(["order.eaten"])


def test_addresses_with_one_of_ours_hidden_in_them_are_not_public() -> None:
    hidden = ["::ffff:10.0.0.1", "64:ff9b::c0a8:1", "2002:a00:1::", "239.1.2.3", "0.0.0.0", "::"]

    assert not any(map(is_public, hidden))
    assert all(map(is_public, ["93.184.216.34", "2606:4700::1111", "::ffff:93.184.216.34"]))


NOTICE = {
    "id": "n1",
    "kind": "order.paid",
    "reservation": "AZfzohERerye7wEjRWeJqw",
    "payment": "pay_1",
    "amount": 4000,
    "currency": "JPY",
}


def test_a_notice_is_read_and_what_is_added_later_is_let_through() -> None:
    notice = notice_of(orjson.dumps({**NOTICE, "method": "card"}))

    assert notice.stored() == {**NOTICE, "restock": True}
    assert notice.outcome == "paid"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("amount", value) for value in ("4000", 4000.0, True, -1, 2**53, None)),
        *(("currency", value) for value in ("jpy", "JPYY", "", None, 392)),
        *(("kind", value) for value in ("order.eaten", ["order.paid"], None)),
        *(("reservation", value) for value in ("42", None, 42, "x" * 22)),
        *(("payment", value) for value in ("", "a\nb", 7, "x" * 201)),
        *(("id", value) for value in ("", None, 7, "x" * 201, "a\x00")),
        *(("restock", value) for value in ("yes", 1, None)),
    ],
)
def test_what_is_wrong_in_a_notice_is_named(field: str, value: object) -> None:
    with pytest.raises(Refused) as error:
        notice_of(orjson.dumps({**NOTICE, field: value}))

    assert (code(error), error.value.details["field"]) == ("invalid", field)


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b"\xff", b'"x"', b"[" * 60_000])
def test_what_is_no_object_is_malformed(raw: bytes) -> None:
    with pytest.raises(Refused) as error:
        notice_of(raw)

    assert code(error) == "malformed"


def test_a_notice_above_64_kib_is_not_read() -> None:
    with pytest.raises(Refused) as error:
        notice_of(orjson.dumps({**NOTICE, "more": "x" * 65_536}))

    assert code(error) == "too_large"
