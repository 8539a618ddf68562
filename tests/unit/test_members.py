"""What a password, a role and a member's id have to be."""

import pytest

from moderation.rules import Rank
from rooms.members.rules import (
    MOST_PASSWORD,
    checked_about,
    checked_password,
    member_number,
    role_rank,
    secret_hash,
    tried_password,
)
from server.errors import Refused


@pytest.mark.parametrize(
    ("password", "problem"),
    [
        ("", "short"),
        ("seven77", "short"),
        (None, "short"),
        (12345678, "short"),
        ("x" * (MOST_PASSWORD + 1), "long"),
        ("password", "common"),
        ("PassWord1", "common"),
        ("aaaaaaaaaaaa", "common"),
        ("kotohasan", "name"),
        ("Kotohasan123", "name"),
    ],
)
def test_a_password_that_is_easily_guessed_is_refused(password, problem):
    with pytest.raises(Refused) as refusal:
        checked_password(password, name="kotohasan")

    assert refusal.value.details == {"field": "password", "problem": problem}


@pytest.mark.parametrize(
    "password", ["朝の光とお茶とパン", "correct horse battery", "ümläute sind ok"]
)
def test_a_short_sentence_is_a_good_password(password):
    assert checked_password(password, name="みお")


def test_the_same_characters_typed_on_two_keyboards_are_the_same_password():
    composed, decomposed = "caf\u00e9 au lait", "cafe\u0301 au lait"

    assert checked_password(decomposed, name="x") == composed
    assert tried_password(decomposed) == composed


def test_an_endless_password_is_cut_before_it_is_hashed():
    assert len(tried_password("x" * 1_000_000)) == MOST_PASSWORD
    assert tried_password(None) == ""


@pytest.mark.parametrize(
    "person", ["", "m", "g0123456789abcdef", "m1x", "m-1", "m" + "9" * 19, "m１"]
)
def test_what_is_no_member_is_not_found(person):
    with pytest.raises(Refused) as refusal:
        member_number(person)

    assert refusal.value.code == "not_found"


def test_a_members_number_is_read():
    assert member_number("m42") == 42


@pytest.mark.parametrize("role", ["guest", "reader", "admin", "", None, 60])
def test_a_role_that_cannot_be_given_is_refused(role):
    with pytest.raises(Refused):
        role_rank(role)


def test_roles_have_their_ranks():
    assert [role_rank(role) for role in ("member", "moderator", "host", "owner")] == [
        Rank.MEMBER,
        Rank.MODERATOR,
        Rank.HOST,
        Rank.OWNER,
    ]


def test_the_text_about_oneself_is_one_plain_line():
    assert checked_about("  乾燥肌です。\n冬が苦手 ") == "乾燥肌です。 冬が苦手"
    for text in ("x" * 501, "a\u202eb"):
        with pytest.raises(Refused):
            checked_about(text)


def test_a_secret_is_stored_as_its_hash():
    assert secret_hash("cookie") != secret_hash("cookif")
    assert b"cookie" not in secret_hash("cookie")
