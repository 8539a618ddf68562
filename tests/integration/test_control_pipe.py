"""What the supervisor and its children tell each other."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from server.control_pipe import ControlPipe


def given(value: str) -> Callable[[], Awaitable[str]]:
    async def answer() -> str:
        return value

    return answer


@pytest.fixture
async def ends() -> AsyncIterator[tuple[ControlPipe, ControlPipe]]:
    first, second = socket.socketpair()
    one, two = await ControlPipe.open(first), await ControlPipe.open(second)
    tasks = [asyncio.create_task(one.run()), asyncio.create_task(two.run())]
    async with asyncio.timeout(10):
        yield one, two
        one.close()
        two.close()
        await asyncio.gather(*tasks)


async def test_what_is_said_is_heard(ends: tuple[ControlPipe, ControlPipe]) -> None:
    supervisor, child = ends
    waiting = asyncio.create_task(supervisor.heard("ready"))

    child.say("ready", {"port": 1})

    await waiting
    await supervisor.heard("never", "ready")
    assert supervisor.said == {"ready": {"port": 1}}


async def test_questions_are_answered_each_with_its_own_answer(
    ends: tuple[ControlPipe, ControlPipe],
) -> None:
    supervisor, child = ends
    long = "広場\n" * 100_000
    child.answer("metrics", given(long))
    child.answer("name", given("gateway-1"))

    answers = await asyncio.gather(
        supervisor.ask("metrics"), supervisor.ask("name"), supervisor.ask("unknown")
    )

    assert answers == [long, "gateway-1", None]


async def test_who_cannot_answer_says_nothing_instead_of_letting_the_other_wait(
    ends: tuple[ControlPipe, ControlPipe],
) -> None:
    async def fail() -> str:
        raise OSError("no metrics")

    supervisor, child = ends
    child.answer("metrics", fail)

    assert await supervisor.ask("metrics") is None


async def test_a_process_that_ends_is_noticed(ends: tuple[ControlPipe, ControlPipe]) -> None:
    supervisor, child = ends
    waiting = asyncio.create_task(supervisor.heard("ready"))
    asking = asyncio.create_task(supervisor.ask("metrics"))
    await asyncio.sleep(0)

    child.close()

    for task in (waiting, asking):
        with pytest.raises(ConnectionError):
            await task
    with pytest.raises(ConnectionError):
        await supervisor.heard("ready")
    with pytest.raises(ConnectionError):
        await supervisor.ask("metrics")


async def test_nobody_supervises_a_process_without_the_variable() -> None:
    assert await ControlPipe.of_child({}) is None
