"""What trees of processes used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from loadtest import cpu
from loadtest.errors import CannotRun


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU µs (user and system) since they began, and resident bytes now."""

    cpu_us: float
    resident: int


def usage(pids: Iterable[int]) -> Usage:
    """Add up processes and all that descend from them and live."""
    cpu_us, resident = 0.0, 0
    for pid in tree(pids):
        try:
            cpu_us += cpu.of_process(pid)
            resident += cpu.resident(pid)
        except CannotRun:
            # It ended since we looked.
            continue
    return Usage(cpu_us, resident)


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


def _parents() -> Iterator[tuple[int, int]]:
    for entry in cpu.PROC.iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            yield int(entry.name), int(fields[1])
