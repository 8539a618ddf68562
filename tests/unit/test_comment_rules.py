"""Comments: what may be posted, what is known from the tail, and who may change it until when."""

from __future__ import annotations

import msgpack
import pytest

from moderation.rules import Rank
from rooms import events
from rooms.comments import rules
from rooms.comments.rules import Message
from rooms.rules import EDIT_MS, Kind, Position, Room
from server.context import Viewer
from server.errors import Refused
from server.publication import Flag, Publication

KEY = "AZqlWmq7cAC_" + "A" * 10
AOI = Viewer("m5", "Aoi", Rank.MEMBER)
TOPIC = Room("42", Kind.TOPIC, "tea", "Tea")
ARGS = {"room": "42", "text": "hello", "client_message_id": "c1"}


def read(**changes: object) -> rules.Post:
    return rules.read_post({**ARGS, **changes}, limit=500, lines=False)


def publication(offset: int, body: object, flags: Flag = Flag.NONE) -> Publication:
    return Publication(1, offset, offset * 1000, flags, "m5", KEY, events.packed(body))


POSTED = publication(1, events.comment_posted(KEY, events.author_of(AOI), "hello", "c1"))
EDITED = publication(2, events.comment_edited(KEY, "hello!", "m5"))
DELETED = publication(3, events.comment_deleted(KEY), Flag.HIDE)
HIDDEN = publication(3, {"event": "comment.hidden", "id": KEY, "by": {"id": "m1"}}, Flag.HIDE)
RESTORED = publication(
    4,
    {
        **events.comment_posted(KEY, events.author_of(AOI), "hello!", "c1"),
        "event": "comment.restored",
    },
    Flag.SHOW,
)


def test_a_post_is_checked_and_cleaned() -> None:
    post = read(text=" he\x00llo ", reply_to=KEY, question=True, unknown="ignored")

    assert (post.room, post.text, post.client_message_id) == ("42", "hello", "c1")
    assert (post.reply_to, post.question) == (KEY, True)


@pytest.mark.parametrize(
    "change",
    [
        {"room": 42},
        {"text": None},
        {"text": "x" * 501},
        {"client_message_id": ""},
        {"reply_to": "x"},
        {"question": "yes"},
    ],
)
def test_a_post_with_a_wrong_argument_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(Refused) as caught:
        read(**change)

    assert caught.value.code in ("invalid", "too_large")


def test_a_repetition_has_the_same_digest_and_another_text_another() -> None:
    same = read(text="hello ")

    others = [read(text="x"), read(reply_to=KEY), read(question=True)]

    assert read().digest == same.digest
    assert len({read().digest, *(post.digest for post in others)}) == 4


def test_the_tail_tells_what_a_message_reads_now() -> None:
    message = rules.from_tail(KEY, [POSTED, EDITED])

    assert message is not None
    assert (message.author, message.text, message.at) == ("m5", "hello!", 1000)
    assert (message.state, message.shown) == ("visible", Position(1, 1))


@pytest.mark.parametrize(
    ("entries", "state"),
    [
        ([POSTED, DELETED], "deleted"),
        ([POSTED, HIDDEN], "hidden"),
        ([POSTED, HIDDEN, RESTORED], "visible"),
        ([POSTED, EDITED, HIDDEN, RESTORED], "visible"),
    ],
)
def test_the_tail_tells_whether_a_message_still_stands(
    entries: list[Publication], state: str
) -> None:
    message = rules.from_tail(KEY, entries)

    assert message is not None
    assert message.state == state
    assert message.at == 1000


def test_a_tail_without_the_posting_knows_only_that_it_is_hidden() -> None:
    start = Position(1, 1)

    assert rules.from_tail(KEY, [EDITED, HIDDEN]) is None
    assert rules.hidden_since([EDITED, HIDDEN], start)
    assert not rules.hidden_since([HIDDEN, RESTORED], start)
    assert not rules.hidden_since([EDITED], start)
    assert not rules.hidden_since([HIDDEN], Position(1, 4))
    assert rules.hidden_since([HIDDEN], Position(0, 4))


def test_the_author_may_change_a_message_for_5_minutes() -> None:
    message = Message(KEY, "m5", "Aoi", "hello", 1000, "visible")

    assert rules.check_change(message, "m5", 1000 + EDIT_MS) is message
    with pytest.raises(Refused) as caught:
        rules.check_change(message, "m5", 1001 + EDIT_MS)
    assert caught.value.code == "too_late"


@pytest.mark.parametrize(
    ("state", "viewer", "code"),
    [
        ("visible", "m6", "forbidden"),
        ("visible", None, "forbidden"),
        ("deleted", "m5", "not_found"),
        ("hidden", "m5", "not_found"),
        ("rejected", "m5", "not_found"),
    ],
)
def test_nobody_else_changes_it_and_nobody_what_is_gone(
    state: str, viewer: str | None, code: str
) -> None:
    with pytest.raises(Refused) as caught:
        rules.check_change(Message(KEY, "m5", "Aoi", "hello", 1000, state), viewer, 2000)

    assert caught.value.code == code


def test_there_is_nothing_to_change_in_what_does_not_exist() -> None:
    with pytest.raises(Refused) as caught:
        rules.check_change(None, "m5", 0)

    assert caught.value.code == "not_found"


def test_a_reply_does_not_carry_the_text_that_it_answers() -> None:
    answered = Message(KEY, "m6", "Ken", "a secret", 0, "visible")

    request = rules.publication(AOI, TOPIC, read(reply_to=KEY), KEY, answered, b"")

    body = msgpack.unpackb(request.body)
    assert body["reply_to"] == {"id": KEY, "name": "Ken"}
    assert b"secret" not in request.body + request.private


def test_the_team_is_never_left_out_nor_slowed_down() -> None:
    staff = Viewer("m1", "Ren", Rank.MODERATOR)

    of_member = rules.publication(AOI, TOPIC, read(), KEY, None, b"")
    of_staff = rules.publication(staff, TOPIC, read(), KEY, None, b"")

    assert (of_member.flags, of_member.paced, of_member.gated) == (Flag.NONE, True, True)
    assert (of_staff.flags, of_staff.paced, of_staff.gated) == (Flag.KEEP, False, True)


def test_a_deletion_is_a_tombstone_that_even_a_muted_author_may_send() -> None:
    request = rules.delete_publication(AOI, TOPIC, KEY)

    assert request.flags == Flag.HIDE | Flag.KEEP
    assert not request.gated
    assert msgpack.unpackb(request.body) == {"event": "comment.deleted", "id": KEY}


def test_the_address_of_a_guest_stays_private() -> None:
    request = rules.publication(AOI, TOPIC, read(), KEY, None, b"hash")

    assert b"hash" not in request.body
    assert msgpack.unpackb(request.private) == {"rank": Rank.MEMBER, "address": b"hash"}


def test_names_that_are_called_with_at_are_found_up_to_five() -> None:
    text = "@Aoi, @あおい。 mail@example @Aoi " + " ".join(f"@n{i}" for i in range(9))

    assert rules.mentions(text)[:3] == ["Aoi", "あおい", "example"]
    assert len(rules.mentions(text)) == 5
    assert rules.mentions("@ @.") == []
