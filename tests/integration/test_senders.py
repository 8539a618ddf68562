"""An author of a replay posts each line once, whatever happens to its connection."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

import loadtest.senders
from loadtest.checks import Comment
from loadtest.lines import Line
from loadtest.senders import MOST_LOSSES, Author, Sending, Sent
from tests.integration.fake_live import EPOCH, FakeLive, live

LINES = [Line(n, 0, "viewer1", f"text {n}") for n in range(3)]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody wait before trying again."""
    monkeypatch.setattr(loadtest.senders, "LEAD", 0.0)
    monkeypatch.setattr(loadtest.senders, "LOSS_SECONDS", 0.0)
    monkeypatch.setattr(loadtest.senders, "delay", lambda tries, random: 0.0)


@pytest.fixture
async def server() -> AsyncIterator[tuple[FakeLive, str]]:
    async with live() as running:
        yield running


async def speak(server: tuple[FakeLive, str], lines: list[Line] = LINES) -> Sent:
    sent = Sent()
    sending = Sending([server[1]], "1", lines, 1.0)
    author = Author(sending, server[1], "token", asyncio.Semaphore(1))
    async with asyncio.timeout(20):
        await author.speak(lines, time.monotonic(), sent)
    return sent


def offsets(sent: Sent) -> list[int]:
    return [each.comment.place[1] for each in sent.posted]


async def test_every_line_is_posted_with_an_id_of_its_own(server: tuple[FakeLive, str]) -> None:
    sent = await speak(server)

    assert sent.refused == []
    assert sent.posted[2].comment == Comment((EPOCH, 3), "id3", "m1", "text 2")
    assert [each.tries for each in sent.posted] == [1, 1, 1]
    assert list(server[0].posts) == ["line-0", "line-1", "line-2"]


async def test_a_line_whose_answer_is_lost_is_posted_again_as_the_same(
    server: tuple[FakeLive, str],
) -> None:
    fake = server[0]
    fake.mute_posts = 2

    sent = await speak(server)

    assert offsets(sent) == [1, 2, 3]
    assert [each.tries for each in sent.posted] == [3, 1, 1]
    ids = [args["client_message_id"] for args in fake.asked("comment.post")]
    assert ids == ["line-0"] * 3 + ["line-1", "line-2"]


@pytest.mark.parametrize("code", [4503, 4504, 1013, 4002])
async def test_an_author_who_is_sent_away_comes_back_with_what_is_left(
    server: tuple[FakeLive, str], code: int
) -> None:
    server[0].closes = [code] * 3

    sent = await speak(server)

    assert offsets(sent) == [1, 2, 3]
    assert sent.refused == []
    if code >= 4500:
        assert sent.lost == 3
        assert [each.tries for each in sent.posted] == [4, 1, 1]


async def test_an_author_who_never_comes_in_gives_up_after_a_bound(
    server: tuple[FakeLive, str],
) -> None:
    server[0].closes = [4503] * 100

    sent = await speak(server)

    assert sent.posted == []
    assert len(sent.refused) == 3
    assert all("4503" in each for each in sent.refused)
    assert sent.lost == MOST_LOSSES + 1


@pytest.mark.parametrize("code", ["rate_limited", "slow_mode", "unavailable", "room_busy"])
async def test_a_line_that_is_refused_for_now_is_posted_again(
    server: tuple[FakeLive, str], code: str
) -> None:
    error = {"code": code, "message": "", "retry_after": 1}
    server[0].errors["comment.post"] = [error] * 4

    sent = await speak(server)

    assert offsets(sent) == [1, 2, 3]
    assert sent.posted[0].tries == 5


async def test_a_line_that_is_refused_for_good_is_given_up_and_the_next_is_posted(
    server: tuple[FakeLive, str],
) -> None:
    server[0].errors["comment.post"] = [{"code": "muted", "message": "until tomorrow"}]

    sent = await speak(server)

    assert sent.refused == ["line 0: muted: until tomorrow"]
    assert [each.line for each in sent.posted] == [1, 2]
