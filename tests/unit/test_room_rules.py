"""Ids, channels, texts and the small checks of every command."""

from __future__ import annotations

import unicodedata
from random import Random
from uuid import UUID

import pytest

from rooms import rules
from server.errors import Refused


def refused(call, *args, **kwargs) -> Refused:
    with pytest.raises(Refused) as caught:
        call(*args, **kwargs)
    assert caught.value.message != caught.value.code, "a sentence for a person is missing"
    return caught.value


def test_a_message_id_is_a_uuid_of_version_7_in_22_characters() -> None:
    made = rules.new_message_id(1_763_750_000_123, lambda n: b"\xff" * n)

    uuid = rules.message_uuid(made)

    assert len(made) == 22
    assert uuid.version == 7
    assert uuid.variant == "specified in RFC 4122"
    assert uuid.int >> 80 == 1_763_750_000_123
    assert rules.message_id(uuid) == made


def test_message_ids_of_different_noise_differ_and_sort_by_time() -> None:
    noise = Random(7)
    ids = [rules.new_message_id(at, noise.randbytes) for at in range(50)]

    uuids = [rules.message_uuid(i) for i in ids]

    assert len(set(uuids)) == 50
    assert uuids == sorted(uuids)


@pytest.mark.parametrize(
    "value", ["", "x" * 21, "x" * 23, "あ" * 22, "!" * 22, 22, None, b"x" * 22]
)
def test_what_is_no_message_id_is_refused(value: object) -> None:
    assert refused(rules.message_uuid, value).code == "invalid"


def test_another_spelling_of_the_same_id_is_refused() -> None:
    one = rules.message_id(UUID(int=5))
    other = one[:-1] + chr(ord(one[-1]) + 1)

    assert refused(rules.message_uuid, other).code == "invalid"


@pytest.mark.parametrize("value", ["0", "007", "-1", "", "1e3", " 4", "9" * 19, "४२", 42, None])
def test_what_is_no_room_id_is_refused(value: object) -> None:
    assert refused(rules.room_number, value).code == "invalid"


def test_a_room_id_is_its_number_in_quotes() -> None:
    assert rules.room_number("42") == 42


def test_channels_are_made_and_read_in_one_place() -> None:
    assert rules.read_channel(rules.room_channel("42")) == ("42", "")
    assert rules.read_channel(rules.staff_channel("42")) == ("42", "staff")
    assert rules.read_channel("room:42:votes") == ("42", "votes")


@pytest.mark.parametrize(
    "channel", ["", "room:", "room:0", "room:42:", "room:42:notice", "room:42:staff:x", "control"]
)
def test_other_channels_do_not_exist(channel: str) -> None:
    assert refused(rules.read_channel, channel).code == "not_found"


def test_text_is_kept_in_composed_form() -> None:
    decomposed = unicodedata.normalize("NFD", "がÉ")

    assert rules.clean_text(decomposed) == "がÉ"


def test_a_text_may_have_500_code_points_after_composition_and_no_more() -> None:
    assert len(rules.clean_text("か\u3099" * 500)) == 500
    assert refused(rules.clean_text, "が" * 501).code == "too_large"


def test_control_and_bidi_override_characters_are_taken_out() -> None:
    assert rules.clean_text("a\x00b\x1b[31m\u202ec\u2066d\ufeff\u0085e") == "ab[31mcd e"


def test_marks_that_languages_need_are_kept() -> None:
    family, persian, marked = "👨‍👩‍👧", "می‌خواهم", "abc\u200f"

    assert rules.clean_text(family) == family
    assert rules.clean_text(persian) == persian
    assert rules.clean_text(f"{marked} د") == f"{marked} د"


def test_an_emoji_newer_than_this_python_is_kept() -> None:
    assert rules.clean_text("\U0001fae9") == "\U0001fae9"


def test_breaks_become_blanks_in_a_comment_and_stay_in_a_message() -> None:
    text = "one\r\ntwo\u2028three\n\n\n\nfour"

    assert rules.clean_text(text) == "one two three    four"
    assert rules.clean_text(text, lines=True) == "one\ntwo\nthree\n\nfour"


@pytest.mark.parametrize(
    "text", ["", "   ", "\u200b\u200d", "\u3164", "\u2800\ufe0f", "\n\n", "\u202e"]
)
def test_a_text_that_shows_nothing_is_refused(text: str) -> None:
    assert refused(rules.clean_text, text).code == "invalid"


@pytest.mark.parametrize("text", [None, 5, ["a"], {"a": 1}, True])
def test_what_is_no_text_is_refused(text: object) -> None:
    assert refused(rules.clean_text, text).code == "invalid"


@pytest.mark.parametrize("value", ["", "x" * 37, "a\tb", "é", "\n", 7, None])
def test_a_client_message_id_is_1_to_36_ascii_characters(value: object) -> None:
    assert refused(rules.client_message_id, value).code == "invalid"
    assert rules.client_message_id("x y" * 12) == "x y" * 12


def test_numbers_words_and_flags_are_not_guessed() -> None:
    assert refused(rules.whole, {"n": True}, "n", least=0, most=5).code == "invalid"
    assert refused(rules.whole, {"n": 6}, "n", least=0, most=5).code == "invalid"
    assert refused(rules.whole, {"n": "3"}, "n", least=0, most=5).code == "invalid"
    assert refused(rules.flag, {"f": 1}, "f").code == "invalid"
    assert refused(rules.choice, {"c": ["a"]}, "c", ("a", "b")).code == "invalid"
    assert rules.whole({"n": 5}, "n", least=0, most=5) == 5
    assert rules.flag({}, "f") is False
    assert rules.choice({"c": "b"}, "c", ("a", "b")) == "b"


def test_positions_sort_as_publications_did() -> None:
    places = ["2-1", "1-10", "1-9"]

    assert [str(p) for p in sorted(map(rules.read_position, places))] == ["1-9", "1-10", "2-1"]


@pytest.mark.parametrize("value", ["", "1", "1-", "-1", "1-2-3", "a-b", "1--2", "1" * 17 + "-1"])
def test_what_is_no_position_is_refused(value: str) -> None:
    assert refused(rules.read_position, value).code == "invalid"


def test_the_mode_is_named_by_the_minimum_rank() -> None:
    assert [rules.mode_of(rank) for rank in (0, 10, 20, 40, 50)] == [
        "everyone",
        "everyone",
        "members",
        "staff",
        "staff",
    ]


@pytest.mark.parametrize("value", ["Tea", "a--b", "-a", "a_", "", "x" * 61, None])
def test_a_short_name_that_does_not_fit_an_address_is_refused(value: object) -> None:
    assert refused(rules.slug, value).code == "invalid"
    assert rules.slug("skin-care-2") == "skin-care-2"
