"""The listening sockets that gateways inherit."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass

import pytest

from server.errors import SettingsError
from server.settings import Settings
from web.cli.listeners import SEND_BUFFER, bind, steer
from web.cli.supervisor import Supervisor


def test_every_gateway_gets_a_socket_on_the_same_port() -> None:
    with ExitStack() as stack:
        sockets = [
            stack.enter_context(closing(s)) for s in bind(Settings.for_tests(port=0, gateways=3))
        ]

        assert len({s.getsockname() for s in sockets}) == 1
        assert len(sockets) == 3


@pytest.mark.skipif(sys.platform != "linux", reason="other systems report the size differently")
def test_accepted_sockets_inherit_the_small_send_buffer() -> None:
    (listener,) = bind(Settings.for_tests(port=0))
    listener.setblocking(True)

    with closing(listener), socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with closing(accepted):
            # Linux doubles what was asked for, to account for its own books.
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == 2 * SEND_BUFFER


def test_a_port_that_somebody_shares_is_taken_all_the_same() -> None:
    (first,) = bind(Settings.for_tests(port=0))
    port = first.getsockname()[1]

    with closing(first), pytest.raises(SettingsError, match=f"port {port} is taken"):
        bind(Settings.for_tests(port=port))


def test_ipv6_is_served_too() -> None:
    (listener,) = bind(Settings.for_tests(bind="::1", port=0))

    with closing(listener), socket.create_connection(listener.getsockname()[:2]) as connection:
        assert connection.family == socket.AF_INET6


@pytest.fixture
def sockets() -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        yield [
            stack.enter_context(closing(s)) for s in bind(Settings.for_tests(port=0, gateways=3))
        ]


def taken(sockets: list[socket.socket]) -> list[int]:
    """Open 60 connections, and give how many each socket was given."""
    address = sockets[0].getsockname()
    with ExitStack() as opened:
        for _ in range(60):
            opened.enter_context(socket.create_connection(address))
        return [sum(1 for _ in accepted(listener)) for listener in sockets]


linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems cannot steer")


@linux
def test_new_connections_go_where_they_are_steered_until_they_are_spread_again(
    sockets: list[socket.socket],
) -> None:
    spread = taken(sockets)
    steer(sockets, [1])
    steered = taken(sockets)
    steer(sockets, [2, 0])
    two = taken(sockets)
    steer(sockets, ())
    again = taken(sockets)

    assert steered == [0, 60, 0]
    assert two[1] == 0 and sum(two) == 60 and two[0] and two[2]
    assert sum(spread) == sum(again) == 60
    assert min(spread) > 0 and min(again) > 0


@dataclass
class Standing:
    """A process of a gateway as the supervisor sees it."""

    pid: int | None
    words: tuple[str, ...]

    def said(self, name: str) -> bool:
        return name in self.words


@linux
def test_no_new_connection_waits_for_a_gateway_that_has_ended_is_starting_or_leaves(
    sockets: list[socket.socket],
) -> None:
    supervisor = Supervisor(Settings.for_tests(gateways=3), sockets, None)
    serving = Standing(7, ("ready",))
    seen = {}
    for name, other in {
        "all serve": serving,
        "ended": Standing(None, ("ready",)),
        "starting": Standing(7, ()),
        "leaving": Standing(7, ("ready", "draining")),
        "back": serving,
    }.items():
        for child, process in zip(supervisor.children, (serving, other, serving), strict=False):
            child._process = process  # type: ignore[assignment]
        supervisor.steer()
        seen[name] = taken(sockets)[1] > 0

    assert seen == {
        "all serve": True,
        "ended": False,
        "starting": False,
        "leaving": False,
        "back": True,
    }


def accepted(listener: socket.socket) -> Iterator[None]:
    """Take what waits in a queue."""
    while True:
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            return
        connection.close()
        yield
