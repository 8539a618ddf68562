"""Addresses of Redis and the names of its keys."""

from __future__ import annotations

import re

import pytest

from server.errors import HirobaError, SettingsError
from server.keys import PARTITIONS, keys_of, partition_of, tagged
from server.redis_wire import Address, parse_url, urls_of


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("unix:///run/valkey.sock", Address("/run/valkey.sock", "", 0)),
        ("unix:///run/valkey.sock?db=3", Address("/run/valkey.sock", "", 0, db=3)),
        ("unix://me:pw@/run/v.sock", Address("/run/v.sock", "", 0, "me", "pw")),
        ("redis://cache", Address("", "cache", 6379)),
        ("redis://127.0.0.1:7000/2", Address("", "127.0.0.1", 7000, db=2)),
        ("redis://:p%40ss@cache:6380", Address("", "cache", 6380, "", "p@ss")),
        ("redis://[::1]:6379/", Address("", "::1", 6379)),
        ("rediss://me:pw@cache", Address("", "cache", 6379, "me", "pw", is_secure=True)),
        (
            "rediss://cache:1/0?ssl_ca_certs=/etc/ca.pem&ssl_cert_reqs=none",
            Address("", "cache", 1, is_secure=True, ca_file="/etc/ca.pem", is_checked=False),
        ),
    ],
)
def test_an_address_is_read(url: str, address: Address) -> None:
    assert parse_url(url) == address


@pytest.mark.parametrize(
    "url",
    [
        "",
        "cache:6379",
        "http://cache",
        "rediss://cache?ssl_cert_reqs=optional",
        "unix://",
        "redis://cache/x",
        "redis://a:b",
    ],
)
def test_a_bad_address_names_the_setting(url: str) -> None:
    with pytest.raises(SettingsError, match="REDIS_URL"):
        parse_url(url)


def test_several_nodes_may_be_named() -> None:
    assert urls_of("redis://me:p,w@a:1,b:2,[::1]:3/?x=y") == [
        "redis://me:p,w@a:1/?x=y",
        "redis://me:p,w@b:2/?x=y",
        "redis://me:p,w@[::1]:3/?x=y",
    ]
    assert urls_of("unix:///run/a,b.sock") == ["unix:///run/a,b.sock"]


def test_certificates_that_cannot_be_read_name_the_setting() -> None:
    address = parse_url("rediss://cache?ssl_ca_certs=/nonexistent/ca.pem")

    with pytest.raises(SettingsError, match="ssl_ca_certs"):
        address.tls()
    assert parse_url("redis://cache").tls() is None


def test_a_password_is_not_shown() -> None:
    assert "secret" not in repr(parse_url("redis://me:secret@cache"))


def test_all_keys_of_a_channel_and_its_side_channels_share_a_partition() -> None:
    here, staff = keys_of("room:42"), keys_of("room:42:staff")
    shared = {here.denied_everywhere, here.denied_version, here.log}
    names = [*here[3:-1], *(name for name in staff[3:-1] if name not in shared)]
    names += [each.personal(kind, "m1") for each in (here, staff) for kind in ("sent", "slow")]

    tags = {re.match(r"\{p\d{3}\}:", name).group() for name in names}  # type: ignore[union-attr]

    assert tags == {tagged(partition_of("room:42"), "")}
    assert len(set(names)) == len(names)


def test_channels_spread_over_all_partitions() -> None:
    assert {partition_of(f"room:{n}") for n in range(3000)} == set(range(PARTITIONS))


@pytest.mark.parametrize("channel", ["", "room", "room:", ":"])
def test_a_channel_without_a_second_segment_is_refused(channel: str) -> None:
    with pytest.raises(HirobaError, match="not a channel"):
        keys_of(channel)
