"""CPU time of processes and their children, from /proc."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

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
