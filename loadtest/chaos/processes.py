"""The processes of a started Hiroba as they are now: found below its supervisor, hit by number."""

from __future__ import annotations

import os
import signal
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")
ROLES: Final = {"valkey": ("valkey-server", "redis-server"), "postgres": ("postgres",)}
"""Servers by the names of their programs; our own processes say theirs with `--process`."""


def children(parent: int) -> dict[int, list[str]]:
    """Give the command lines of a process's living children by their numbers."""
    found: dict[int, list[str]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(fields[1]) == parent and fields[0] != "Z":
                    line = (entry / "cmdline").read_bytes().decode(errors="replace")
                    found[int(entry.name)] = line.rstrip("\0").split("\0")
    return found


def of_role(supervisor: int, role: str) -> dict[str, int]:
    """Give the processes of a role (`gateway`, `worker`, `valkey`, `postgres`) by their names."""
    found: dict[str, int] = {}
    for pid, words in sorted(children(supervisor).items()):
        if role in ROLES:
            if Path(words[0].split(" ")[0]).name in ROLES[role]:
                found[role] = pid
        elif "--process" in words[:-1]:
            name = words[words.index("--process") + 1]
            if name.rpartition("-")[0] == role or name == role:
                found[name] = pid
    return found


def family(pid: int) -> list[int]:
    """Give a process and all below it, the topmost first."""
    return [pid, *(each for child in children(pid) for each in family(child))]


def at_other_end(pids: Mapping[str, int], ports: Collection[int]) -> dict[int, str]:
    """Find the process, by its name, that has the other end of connections from these ports."""
    sockets: dict[str, int] = {}
    for row in (PROC / "net" / "tcp").read_text().splitlines()[1:]:
        fields = row.split()
        port = int(fields[2].rpartition(":")[2], 16)
        if port in ports:
            sockets[f"socket:[{fields[9]}]"] = port
    found: dict[int, str] = {}
    for name, pid in pids.items():
        for descriptor in (PROC / str(pid) / "fd").iterdir():
            with suppress(OSError):
                port = sockets.get(str(descriptor.readlink()), 0)
                if port:
                    found[port] = name
    return found


def send(pids: list[int], number: int) -> None:
    """Send a signal to processes; one that ended meanwhile is left alone."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def kill(pid: int) -> None:
    """End a process with all below it, without giving it a moment."""
    send(family(pid), signal.SIGKILL)


def freeze(pid: int) -> None:
    """Let a process with all below it run no more, and close nothing."""
    send(family(pid), signal.SIGSTOP)


def thaw(pid: int) -> None:
    """Let it go on."""
    send(family(pid), signal.SIGCONT)


def resident(pid: int) -> int:
    """Give the bytes that a process has in memory; 0 when it is gone."""
    with suppress(OSError):
        pages = int((PROC / str(pid) / "statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    return 0
