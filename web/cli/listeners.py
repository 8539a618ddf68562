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
BPF_RETURN = 0x06


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


def steer(sockets: Sequence[socket.socket], chosen: int | None) -> None:
    """Send new connections to one of these sockets, or with None to all of them evenly.

    Only Linux can; elsewhere, and where it is not allowed, all go on taking their share.
    """
    if not sys.platform.startswith("linux") or len(sockets) < 2:
        return
    with contextlib.suppress(OSError):
        if chosen is None:
            sockets[0].setsockopt(socket.SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, 0)
        else:
            # A program of one instruction for the whole group: return the number of the socket.
            program = ctypes.create_string_buffer(struct.pack("HBBI", BPF_RETURN, 0, 0, chosen))
            filter = struct.pack("HL", 1, ctypes.addressof(program))
            sockets[0].setsockopt(socket.SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, filter)


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
