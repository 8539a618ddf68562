"""What trees of processes used, finely enough for a round of a second."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds (user and system) since they began, and resident bytes now."""

    cpu: float
    resident: int


def usage(pids: Iterable[int]) -> Usage:
    """Add up processes and all that descend from them and live.

    The CPU time is utime + stime, read where the kernel tells it in nanoseconds: in
    /proc/PID/stat it is rounded down to hundredths of a second, each of the two for itself.
    """
    cpu, resident = 0.0, 0
    page = os.sysconf("SC_PAGE_SIZE")
    for pid in tree(pids):
        try:
            cpu += _run_time(PROC / str(pid))
            resident += int((PROC / str(pid) / "statm").read_text().split()[1]) * page
        except OSError:
            continue
    return Usage(cpu, resident)


def tree(pids: Iterable[int]) -> set[int]:
    """Give the processes and their descendants, each once."""
    children: dict[int, list[int]] = {}
    for pid, parent in _parents():
        children.setdefault(parent, []).append(pid)
    found: set[int] = set()
    todo = list(pids)
    while todo:
        pid = todo.pop()
        if pid not in found:
            found.add(pid)
            todo += children.get(pid, ())
    return found


def _run_time(folder: Path) -> float:
    tasks = list((folder / "task").iterdir())
    try:
        # One line a thread: nanoseconds on a CPU, nanoseconds of waiting, and how often.
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9
    except OSError:
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _parents() -> Iterator[tuple[int, int]]:
    for entry in PROC.iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            yield int(entry.name), int(fields[1])
