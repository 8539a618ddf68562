"""Tokens say who somebody is, for a while, and nobody else can write them."""

from __future__ import annotations

import pytest

from server.errors import HirobaError, Refused
from server.identity import RETIRED_FOR, SETTLE, Claims, Keyring, Secret

NOW = 1_763_750_000_000
CLAIMS = Claims("resume", "m42", "まな", 20, 3, NOW + 600_000, "session-1", "ja", NOW - 5)
FIRST = Secret(1, b"1" * 32, NOW - 10**9)
SECOND = Secret(2, b"2" * 32, NOW)


def ring(*secrets: Secret, now: int = NOW) -> Keyring:
    return Keyring(secrets, lambda: now)


def refusal(keyring: Keyring, token: str, now: int = NOW) -> str:
    with pytest.raises(Refused) as caught:
        keyring.verify(token, now)
    return caught.value.code


def test_a_token_gives_back_what_was_signed() -> None:
    keyring = ring(FIRST)

    token = keyring.sign(CLAIMS)

    assert keyring.verify(token, NOW) == CLAIMS
    assert len(token) < 130


def test_a_nameless_reader_has_a_token_too() -> None:
    keyring = ring(FIRST)
    nameless = Claims("resume", None, expires=NOW + 1)

    assert keyring.verify(keyring.sign(nameless), NOW) == nameless


def test_a_token_expires() -> None:
    keyring = ring(FIRST)
    token = keyring.sign(CLAIMS)

    assert keyring.verify(token, CLAIMS.expires - 1)
    assert refusal(keyring, token, CLAIMS.expires) == "expired"


def test_no_changed_character_passes() -> None:
    keyring = ring(FIRST)
    token = keyring.sign(CLAIMS)

    for place in range(len(token) - 1):
        other = "A" if token[place] != "A" else "B"
        assert refusal(keyring, token[:place] + other + token[place + 1 :]) == "unauthenticated"


@pytest.mark.parametrize(
    "token", ["", "A", "AAAA", "not base64!", "ü" * 40, "t.ticket", "A" * 5000, "A" * 60]
)
def test_what_is_no_token_is_refused(token: str) -> None:
    assert refusal(ring(FIRST), token) == "unauthenticated"


def test_a_token_of_another_community_is_refused() -> None:
    token = ring(Secret(1, b"x" * 32, 0)).sign(CLAIMS)

    assert refusal(ring(FIRST), token) == "unauthenticated"


def test_a_new_secret_signs_only_when_every_process_has_had_time_to_read_it() -> None:
    old_only = ring(FIRST)

    at_once = ring(FIRST, SECOND).sign(CLAIMS)
    settled = ring(FIRST, SECOND, now=NOW + SETTLE).sign(CLAIMS)

    assert old_only.verify(at_once, NOW) == CLAIMS
    assert refusal(old_only, settled) == "unauthenticated"
    assert ring(FIRST, SECOND).verify(settled, NOW) == CLAIMS


def test_the_first_secret_signs_at_once() -> None:
    keyring = ring(SECOND)

    assert keyring.verify(keyring.sign(CLAIMS), NOW) == CLAIMS


def test_a_retired_secret_is_accepted_for_a_day() -> None:
    long_lived = Claims("visitor", "gAbc", expires=NOW + 30 * RETIRED_FOR)
    token = ring(FIRST).sign(long_lived)
    rotated = ring(Secret(1, FIRST.value, FIRST.created, retired=NOW), SECOND)

    assert rotated.verify(token, NOW + RETIRED_FOR - 1) == long_lived
    assert refusal(rotated, token, NOW + RETIRED_FOR) == "expired"


def test_without_a_secret_nothing_starts() -> None:
    with pytest.raises(HirobaError, match="migrations"):
        ring()


class OneTable:
    """A database that holds the table of secrets alone."""

    def __init__(self, *rows: dict[str, object]) -> None:
        self.rows = rows

    async def all(self, sql: str, *args: object) -> list[dict[str, object]]:
        return list(self.rows)


async def test_the_ring_is_loaded_and_read_again_after_a_rotation() -> None:
    old = {"id": 1, "secret": b"1" * 32, "created": 0, "retired": None}
    new = {"id": 2, "secret": b"2" * 32, "created": 1, "retired": None}
    keyring = await Keyring.load(OneTable(old))  # type: ignore[arg-type]
    before = keyring.sign(CLAIMS)

    await keyring.reload(OneTable(new, {**old, "retired": NOW}))  # type: ignore[arg-type]

    assert keyring.verify(before, NOW) == CLAIMS
    assert keyring.sign(CLAIMS) != before
