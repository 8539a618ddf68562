"""CPU time and memory of processes, from /proc."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from loadtest.errors import CannotRun

PROC = Path("/proc")


def used(pids: Iterable[int], without: Collection[int] = ()) -> float:
    """Give the CPU seconds of processes, with children that live and children that ended.

    Children in `without` are left to whoever counts them.
    """
    fields = {pid: stat for pid in _all() if (stat := _stat(pid)) is not None}
    children: dict[int, list[int]] = {}
    for pid, stat in fields.items():
        children.setdefault(int(stat[1]), []).append(pid)
    ticks, todo = 0, [pid for pid in pids if pid in fields]
    while todo:
        pid = todo.pop()
        # utime, stime, and both of the children that were waited for
        ticks += sum(map(int, fields[pid][11:15]))
        todo += (child for child in children.get(pid, ()) if child not in without)
    return ticks / os.sysconf("SC_CLK_TCK")


def of_process(pid: int) -> float:
    """Give the CPU µs of one process with its threads, to the nanosecond where the kernel tells.

    A thread that ended is not counted: read both ends while all of them live.
    """
    total = 0
    try:
        for task in (PROC / str(pid) / "task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        stat = _stat(pid)
        if stat is None:
            raise CannotRun(f"process {pid} is gone, or there is no /proc") from None
        return sum(map(int, stat[11:13])) / os.sysconf("SC_CLK_TCK") * 1e6
    return total / 1000


def resident(pid: int) -> int:
    """Give the resident memory of a process in bytes."""
    try:
        pages = int((PROC / str(pid) / "statm").read_text().split()[1])
    except (OSError, IndexError):
        raise CannotRun(f"process {pid} is gone, or there is no /proc") from None
    return pages * os.sysconf("SC_PAGE_SIZE")


def by_name(processes: Mapping[str, Iterable[int]]) -> dict[str, float]:
    """Give the CPU seconds of each group of processes; nothing where there is no /proc."""
    if not PROC.is_dir():
        return {}
    groups = {name: list(pids) for name, pids in processes.items()}
    named = {pid for pids in groups.values() for pid in pids}
    return {name: used(pids, named) for name, pids in groups.items()}


def _all() -> list[int]:
    return [int(entry.name) for entry in PROC.iterdir() if entry.name.isdecimal()]


def _stat(pid: int) -> list[str] | None:
    """Give the fields after the name, which may itself hold spaces and brackets."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
