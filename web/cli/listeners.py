"""The listening sockets: one per gateway on the same port, kept open by the supervisor."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import ipaddress
import os
import socket
import struct
import sys
from collections.abc import Sequence

from server.errors import SettingsError
from server.settings import Settings

SEND_BUFFER = 64 * 1024
"""Bytes; accepted sockets inherit it, so the kernel keeps at most about 700 frames for a reader
that is slow."""
BACKLOG = 4096
VARIABLE = "HIROBA_LISTENER"
"""Names the descriptor that a gateway inherits."""
SO_ATTACH_REUSEPORT_CBPF, SO_DETACH_REUSEPORT_BPF = 51, 68
BPF_LOAD_WORD, BPF_MODULO, BPF_JUMP_IF_EQUAL, BPF_RETURN = 0x20, 0x94, 0x15, 0x06
BPF_RANDOM = 0xFFFFF000 + 56
"""Where a program loads a random number from."""


def bind(settings: Settings) -> list[socket.socket]:
    """Bind one SO_REUSEPORT socket per gateway; SettingsError when the port is not to be had."""
    try:
        port = _free(settings)
        return [_listener(settings, port) for _ in range(settings.gateways)]
    except OSError as error:
        problem = {
            errno.EADDRINUSE: f"port {settings.port} is taken; choose another with --port",
            errno.EACCES: f"port {settings.port} needs more rights; choose one above 1023",
            errno.EADDRNOTAVAIL: f"this machine does not have the address {settings.bind}",
        }.get(error.errno or 0, str(error))
        name = "HIROBA_BIND" if error.errno == errno.EADDRNOTAVAIL else "HIROBA_PORT"
        raise SettingsError(name, problem) from None


def inherited(descriptor: str) -> socket.socket:
    """Take over the socket that the supervisor bound."""
    return socket.socket(fileno=int(descriptor))


def steer(sockets: Sequence[socket.socket], chosen: Sequence[int]) -> None:
    """Spread new connections evenly over some of these sockets, or with none over all of them.

    Only Linux can; elsewhere, and where it is not allowed, all go on taking their share.
    """
    if not sys.platform.startswith("linux") or len(sockets) < 2:
        return
    with contextlib.suppress(OSError):
        if not chosen or len(chosen) == len(sockets):
            sockets[0].setsockopt(socket.SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, 0)
        else:
            steps = _one_of(chosen)
            program = ctypes.create_string_buffer(b"".join(steps))
            filter = struct.pack("HL", len(steps), ctypes.addressof(program))
            sockets[0].setsockopt(socket.SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, filter)


def _one_of(numbers: Sequence[int]) -> list[bytes]:
    """Write a program for the whole group of sockets: it returns one of their numbers at random."""
    *first, last = numbers
    steps = [(BPF_LOAD_WORD, 0, 0, BPF_RANDOM), (BPF_MODULO, 0, 0, len(numbers))]
    for drawn, number in enumerate(first):
        # When it is not this one, the next instruction is jumped over.
        steps += [(BPF_JUMP_IF_EQUAL, 0, 1, drawn), (BPF_RETURN, 0, 0, number)]
    steps.append((BPF_RETURN, 0, 0, last))
    return [struct.pack("HBBI", *step) for step in steps]


def _free(settings: Settings) -> int:
    """Check that nobody listens, which SO_REUSEPORT would not tell; gives the port."""
    with _socket(settings) as probe:
        probe.bind((settings.bind, settings.port))
        probe.listen(1)
        return int(probe.getsockname()[1])


def _listener(settings: Settings, port: int) -> socket.socket:
    listener = _socket(settings)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        listener.bind((settings.bind, port))
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def _socket(settings: Settings) -> socket.socket:
    wide = settings.bind != "localhost" and ipaddress.ip_address(settings.bind).version == 6
    made = socket.socket(socket.AF_INET6 if wide else socket.AF_INET)
    if os.name == "posix":
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if wide:
        with contextlib.suppress(OSError):
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    return made
