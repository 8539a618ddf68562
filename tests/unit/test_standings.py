from uuid import UUID

from moderation.rules import FOREVER, Standing
from moderation.standings import Sanction, Standings

NOW = 1_763_750_000_000
GUEST, OTHER = "gAAAAAAAAAAAAAAA1", "gAAAAAAAAAAAAAAA2"
HOME = b"h" * 16


def sanction(number: int, **more: object) -> Sanction:
    values: dict[str, object] = {
        "person": GUEST,
        "room": "42",
        "kind": "mute",
        "until": NOW + 1000,
        "reason": f"reason {number}",
        **more,
    }
    return Sanction(UUID(int=number), **values)  # type: ignore[arg-type]


def standings(*sanctions: Sanction) -> Standings:
    made = Standings()
    for one in sanctions:
        made.put(one)
    return made


def test_nothing_holds_for_who_is_not_there() -> None:
    assert standings().of(GUEST, b"", "42", NOW) == Standing()


def test_a_mute_holds_in_its_room_until_it_ends() -> None:
    known = standings(sanction(1))

    assert known.of(GUEST, b"", "42", NOW).muted_until == NOW + 1000
    assert known.of(GUEST, b"", "43", NOW) == Standing()
    assert known.of(GUEST, b"", "42", NOW + 1000) == Standing()


def test_the_reason_is_that_of_the_longest() -> None:
    known = standings(sanction(1), sanction(2, until=FOREVER), sanction(3, until=NOW + 5))

    assert known.of(GUEST, b"", "42", NOW).reason == "reason 2"


def test_a_ban_tells_its_reason_before_a_mute_of_the_same_length() -> None:
    known = standings(sanction(1, until=FOREVER), sanction(2, until=FOREVER, kind="ban", room=None))

    standing = known.of(GUEST, b"", "42", NOW)

    assert (standing.reason, standing.banned_until) == ("reason 2", FOREVER)


def test_an_address_inherits_and_frees_again() -> None:
    known = standings(sanction(1, addresses=(HOME,)))

    assert known.of(OTHER, HOME, "42", NOW).muted_until == NOW + 1000
    assert known.of(OTHER, b"", "42", NOW) == Standing()
    known.drop(UUID(int=1))
    assert known.of(OTHER, HOME, "42", NOW) == Standing()


def test_putting_a_sanction_again_replaces_it() -> None:
    known = standings(sanction(1, addresses=(HOME,)), sanction(1, until=NOW + 9, person=OTHER))

    assert len(known) == 1
    assert known.of(GUEST, HOME, "42", NOW) == Standing()
    assert known.of(OTHER, b"", "42", NOW).muted_until == NOW + 9


def test_a_shadow_is_no_denial() -> None:
    known = standings(sanction(1, kind="shadow"))

    assert known.of(GUEST, b"", "42", NOW) == Standing(shadowed=True)
    assert known.until(GUEST, "42", NOW) == 0


def test_what_ended_is_dropped() -> None:
    known = standings(sanction(1), sanction(2, until=FOREVER))

    known.drop_ended(NOW + 1000)

    assert len(known) == 1


def test_the_denial_of_a_place_counts_that_place_only() -> None:
    known = standings(sanction(1), sanction(2, room=None, until=FOREVER))

    assert known.until(GUEST, "42", NOW) == NOW + 1000
    assert known.until(GUEST, None, NOW) == FOREVER
